/* The shell's own commands. They begin with a dot, which no QMP command does. */
#include "config.h"
#include "cli/shell.h"

#include <string.h>

static enum cli_exit run_exit(struct shell *sh, int argc, char **argv)
{
    sh->leave = true;
    return CLI_EXIT_OK;
}

static enum cli_exit run_events(struct shell *sh, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "on") == 0) {
        sh->show_events = true;
    } else if (argc == 2 && strcmp(argv[1], "off") == 0) {
        sh->show_events = false;
    } else if (argc > 1) {
        fprintf(stderr, "qmpgate: .events on, or .events off\n");
        return CLI_EXIT_USAGE;
    }
    printf("events are %s\n", sh->show_events ? "shown" : "not shown");
    return CLI_EXIT_OK;
}

static enum cli_exit run_commands(struct shell *sh, int argc, char **argv)
{
    const char *name;
    if (!sh->catalogue)
        shell_learn_commands(sh);
    for (size_t i = 0; (name = catalogue_command(sh->catalogue, i)) != NULL; i++)
        printf("%s\n", name);
    return CLI_EXIT_OK;
}

/* What .help is about: a command, perhaps a path into its arguments, and values that choose
 * branches. */
struct help_topic {
    struct shell *sh;
    int n_words; /* of the line after the command */
    char **words;
};

static const char *find_given(void *opaque, const char *name)
{
    const struct help_topic *topic = opaque;
    size_t len = strlen(name);
    for (int i = 0; i < topic->n_words; i++)
        if (strncmp(topic->words[i], name, len) == 0 && topic->words[i][len] == '=')
            return topic->words[i] + len + 1;
    return NULL;
}

static void print_member(void *opaque, const struct catalogue_member *m)
{
    const struct help_topic *topic = opaque;
    CLEANUP_BUF struct buf type = { 0 }, line = { 0 }, safe = { 0 };
    catalogue_type_describe(topic->sh->catalogue, m->type, &type);
    buf_add_char(&type, '\0');
    buf_printf(&line, "  %-24s %s%s", m->name, m->optional ? "optional, " : "", buf_data(&type));
    buf_add_char(&line, '\0');
    output_add_text(&safe, buf_data(&line));
    printf("%.*s\n", (int)buf_len(&safe), buf_data(&safe));
}

static bool is_known(const struct catalogue *c, const char *command)
{
    const char *name;
    for (size_t i = 0; (name = catalogue_command(c, i)) != NULL; i++)
        if (strcmp(name, command) == 0)
            return true;
    return false;
}

/* .help COMMAND [ARGUMENT] [KEY=VALUE]... */
static enum cli_exit help_on_command(struct shell *sh, int argc, char **argv)
{
    const char *command = argv[0];
    struct help_topic topic = { .sh = sh, .n_words = argc - 1, .words = argv + 1 };
    struct catalogue_query q = {
        .command = command,
        .path = "",
        .given = find_given,
        .visit = print_member,
        .opaque = &topic,
    };
    if (!sh->catalogue)
        shell_learn_commands(sh);
    if (!is_known(sh->catalogue, command)) {
        fprintf(stderr, "qmpgate: there is no command %s here\n", command);
        return CLI_EXIT_USAGE;
    }
    if (argc > 1 && !strchr(argv[1], '='))
        q.path = argv[1];
    printf("%s%s%s takes:\n", command, q.path[0] ? " " : "", q.path);
    catalogue_members(sh->catalogue, &q);
    const char *tag = catalogue_discriminator(sh->catalogue, command);
    if (tag && !q.path[0] && !find_given(&topic, tag))
        printf("and more by %s: .help %s %s=...\n", tag, command, tag);
    return CLI_EXIT_OK;
}

static enum cli_exit run_help(struct shell *sh, int argc, char **argv);

static const struct shell_builtin builtins[] = {
    { ".help", "[COMMAND [ARGUMENT]]", "this text, or what a command or an argument of it takes",
      run_help },
    { ".commands", "", "the commands that there are here", run_commands },
    { ".events", "[on|off]", "show events, or do not", run_events },
    { ".exit", "", "leave the shell; the virtual machine goes on", run_exit },
};

static enum cli_exit run_help(struct shell *sh, int argc, char **argv)
{
    if (argc > 1)
        return help_on_command(sh, argc - 1, argv + 1);
    puts("COMMAND [KEY=VALUE | KEY:=JSON | {JSON}]...   runs a command");
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
        printf("%-9s %-22s %s\n", builtins[i].name, builtins[i].synopsis, builtins[i].summary);
    return CLI_EXIT_OK;
}

const struct shell_builtin *shell_find_builtin(const char *name)
{
    /* no QMP command is called so, and fingers know them */
    if (strcmp(name, "help") == 0 || strcmp(name, "?") == 0)
        name = ".help";
    if (strcmp(name, "exit") == 0)
        name = ".exit";
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return &builtins[i];
    return NULL;
}

const char *const *shell_builtin_names(void)
{
    static const char *names[ARRAY_SIZE(builtins) + 1];
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
        names[i] = builtins[i].name;
    return names;
}
