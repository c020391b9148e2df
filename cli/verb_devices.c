/* qmpgate devices: what devices a QEMU has, what they take, and whether it would take this one. */
#include "config.h"
#include "cli/devices.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/glob.h"
#include "cli/tool.h"

static int take_options(const struct verb *verb, int argc, char **argv, struct devices_options *o)
{
    *o = (struct devices_options){ .kind = QDEV_DEVICE };
    return cli_options_anywhere(verb, argc, argv, devices_option_list, devices_take_option, o);
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
    if (text)
        json_object_object_add(to, name, json_object_new_string(text));
}

/* --- dump ------------------------------------------------------------------------------------- */

static enum cli_exit run_dump(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CATALOGUE struct qdev_catalogue *c = NULL;
    int first = cli_no_options(&devices_dump, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&devices_dump, "devices dump takes no arguments: it prints a file");
    enum cli_exit code = devices_load(cli, NULL, &c);
    if (code != CLI_EXIT_OK)
        return code;
    char *text = qdev_catalogue_text(c);
    fputs(text, stdout);
    free(text);
    return cli_flush();
}

const struct verb devices_dump = {
    .name = "devices dump",
    .synopsis = "",
    .summary = "Print a QEMU's catalogue of devices, for --file",
    .help =
        "QEMU makes one of each type to tell its properties, and some types end the whole process\n"
        "then. Those that are known to are passed over; all the same, ask a QEMU that was started\n"
        "for this, and not a VM that somebody needs.\n"
        "\n"
        "Example:\n"
        "  qemu-system-x86_64 -machine none -display none -nodefaults \\\n"
        "      -qmp unix:/tmp/ask.sock,server=on,wait=off &\n"
        "  qmpgate -c unix:/tmp/ask.sock devices dump > qemu-7.2.devices\n",
    .run = run_dump,
};

/* --- list ------------------------------------------------------------------------------------- */

static struct json_object *describe(const struct qdev_driver *d)
{
    struct json_object *o = json_object_new_object();
    add_text(o, "name", qdev_driver_name(d));
    add_text(o, "bus", qdev_driver_bus(d));
    add_text(o, "alias", qdev_driver_alias(d));
    add_text(o, "description", qdev_driver_description(d));
    if (qdev_driver_is_internal(d))
        json_object_object_add(o, "internal", json_object_new_boolean(true));
    return o;
}

static enum cli_exit run_list(struct cli *cli, int argc, char **argv)
{
    static const struct output_column columns[] = {
        { "NAME", "name" }, { "BUS", "bus" }, { "ALIAS", "alias" }, { "DESCRIPTION", "description" }
    };
    CLEANUP_CATALOGUE struct qdev_catalogue *c = NULL;
    struct devices_options o;
    int first = take_options(&devices_list, argc, argv, &o);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first > 1)
        return cli_usage(&devices_list, "devices list takes one pattern");
    const char *pattern = first < argc ? argv[first] : "*";
    enum cli_exit code = devices_load(cli, o.file, &c);
    if (code != CLI_EXIT_OK)
        return code;
    CLEANUP_DOCUMENT struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < qdev_catalogue_count(c, o.kind); i++) {
        const struct qdev_driver *d = qdev_catalogue_at(c, o.kind, i);
        const char *name = qdev_driver_name(d);
        if (glob_match(pattern, strlen(pattern), name, strlen(name)) && !qdev_driver_is_internal(d))
            json_object_array_add(list, describe(d));
    }
    output_list(&cli->output, stdout, list, columns, ARRAY_SIZE(columns), "There is none such.");
    return cli_flush();
}

const struct verb devices_list = {
    .name = "devices list",
    .synopsis = "[--file FILE] [--objects] [PATTERN]",
    .summary = "List the devices that can be added",
    .help = "  --file FILE   of a catalogue that was dumped, not of a VM\n"
            "  --objects     what -object and object-add take\n"
            "\n"
            "Example:\n"
            "  qmpgate devices list --file qemu-7.2.devices 'virtio-*'\n",
    .run = run_list,
};

/* --- show ------------------------------------------------------------------------------------- */

static struct json_object *describe_property(const struct qdev_property *p)
{
    struct json_object *o = json_object_new_object();
    add_text(o, "name", qdev_property_name(p));
    add_text(o, "type", qdev_property_type(p));
    if (qdev_property_default(p))
        json_object_object_add(o, "default", json_tokener_parse(qdev_property_default(p)));
    add_text(o, "values", qdev_property_values(p));
    add_text(o, "description", qdev_property_description(p));
    return o;
}

static enum cli_exit run_show(struct cli *cli, int argc, char **argv)
{
    static const struct output_column columns[] = { { "PROPERTY", "name" },
                                                    { "TYPE", "type" },
                                                    { "DEFAULT", "default" },
                                                    { "DESCRIPTION", "description" } };
    CLEANUP_CATALOGUE struct qdev_catalogue *c = NULL;
    struct devices_options o;
    int first = take_options(&devices_show, argc, argv, &o);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first != 1)
        return cli_usage(&devices_show, "devices show: which one?");
    enum cli_exit code = devices_load(cli, o.file, &c);
    if (code != CLI_EXIT_OK)
        return code;
    const struct qdev_driver *d = qdev_catalogue_find(c, o.kind, argv[first]);
    if (!d) { /* its words say what was probably meant */
        struct qdev_error *err = NULL;
        struct qdev *q = qdev_new(o.kind, argv[first], o.kind == QDEV_OBJECT ? "x" : NULL, &err);
        if (q && qdev_validate(c, q, &err) == 0)
            err = NULL;
        qdev_free(q);
        devices_tell(err);
        return CLI_EXIT_QMP_ERROR;
    }
    CLEANUP_DOCUMENT struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < qdev_driver_count(d); i++)
        json_object_array_add(list, describe_property(qdev_driver_at(d, i)));
    output_list(&cli->output, stdout, list, columns, ARRAY_SIZE(columns),
                qdev_driver_is_opaque(d) ? "QEMU was not asked for its properties."
                                         : "It has no properties.");
    return cli_flush();
}

const struct verb devices_show = {
    .name = "devices show",
    .synopsis = "[--file FILE] [--objects] DRIVER",
    .summary = "Show what a device takes: its properties, their types and defaults",
    .help = "  --file FILE   of a catalogue that was dumped, not of a VM\n"
            "  --objects     of what -object and object-add take\n"
            "\n"
            "Example:\n"
            "  qmpgate devices show --file qemu-7.2.devices virtio-net-pci\n",
    .run = run_show,
};

/* --- check ------------------------------------------------------------------------------------ */

static bool is_good(const struct qdev_catalogue *c, enum qdev_kind kind, const char *text)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_from_argv(kind, text, &err);
    bool good = q && qdev_validate(c, q, &err) == 0;
    if (!good)
        devices_tell(err);
    qdev_free(q);
    return good;
}

static enum cli_exit run_check(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CATALOGUE struct qdev_catalogue *c = NULL;
    struct devices_options o;
    bool good = true;
    int first = take_options(&devices_check, argc, argv, &o);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&devices_check, "devices check: what?");
    enum cli_exit code = devices_load(cli, o.file, &c);
    if (code != CLI_EXIT_OK)
        return code;
    for (int i = first; i < argc; i++)
        good = is_good(c, o.kind, argv[i]) && good;
    return good ? CLI_EXIT_OK : CLI_EXIT_FOUND;
}

const struct verb devices_check = {
    .name = "devices check",
    .synopsis = "[--file FILE] [--objects] STRING...",
    .summary = "Say whether QEMU would take what is to go behind -device, and what is wrong",
    .help =
        "  --file FILE   by a catalogue that was dumped, not by a VM's\n"
        "  --objects     what is to go behind -object\n"
        "\n"
        "Each STRING is a word as behind -device, options or JSON. The exit code is 0 if nothing\n"
        "is wrong with any, and otherwise 1.\n"
        "\n"
        "Example:\n"
        "  qmpgate devices check --file qemu-7.2.devices virtio-net-pci,mca=52:54:00:12:34:56\n"
        "  qmpgate: virtio-net-pci has no property 'mca'; did you mean 'mac'?\n",
    .run = run_check,
};

/* --- the verb --------------------------------------------------------------------------------- */

static const struct verb *const tools[] = { &devices_dump, &devices_list, &devices_show,
                                            &devices_check };

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    return cli_run_tool(&verb_devices, tools, ARRAY_SIZE(tools), "dump, list, show or check?", cli,
                        argc, argv);
}

const struct verb verb_devices = {
    .name = "devices",
    .synopsis = "dump | list | show | check [ARGUMENT...]",
    .summary = "Say what devices a QEMU has, what they take, and what is wrong with one",
    .help = "  dump                  a QEMU's catalogue, for --file of the others\n"
            "  list [PATTERN]        the devices that can be added\n"
            "  show DRIVER           its properties, their types and defaults\n"
            "  check STRING...       what is wrong with what is to go behind -device\n"
            "\n"
            "qmpgate devices TOOL --help says more.\n",
    .run = run,
};
