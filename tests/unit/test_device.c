/* The table of device_add: what is not known, what is known to reach the host, and that it holds
 * together. */
#include "config.h"
#include "tests/unit/unit.h"

#include "acl/device.h"
#include "base/buf.h"
#include "qmp/scan.h"
#include "qmp/schema.h"
#include "qmp/tape.h"
#include "tests/acl/cases.h"

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static enum acl_reach driver(const char *name)
{
    return acl_device_driver_reach(span_of(name));
}

static enum acl_reach property(const char *of, const char *name)
{
    return acl_device_property_reach(span_of(of), span_of(name));
}

#define assert_reach(reach, expected) \
    assert_string_equal(acl_reach_name(reach), acl_reach_name(ACL_REACH_##expected))

/* --- unknown ---------------------------------------------------------------------------------- */

static void a_driver_that_the_table_does_not_know_is_unknown(void **state)
{
    (void)state;
    static const char *const names[] = { "",
                                         "virtio-net-pc",
                                         "virtio-net-pcii",
                                         "VIRTIO-NET-PCI",
                                         "virtio_net_pci",
                                         " virtio-net-pci",
                                         "virtio-net-pci ",
                                         "vfio-user-pci",
                                         "device",
                                         "virtio-pci" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_reach(driver(names[i]), UNKNOWN);
        assert_reach(property(names[i], "netdev"), UNKNOWN);
        assert_reach(property(names[i], "addr"), UNKNOWN);
    }
}

static void a_driver_with_nul_behind_it_is_unknown(void **state)
{
    (void)state;
    assert_reach(acl_device_driver_reach(SPAN_LIT("virtio-net-pci\0")), UNKNOWN);
    assert_reach(acl_device_property_reach(SPAN_LIT("virtio-net-pci"), SPAN_LIT("netdev\0")),
                 UNKNOWN);
}

static void an_alias_is_no_driver(void **state)
{
    (void)state;
    for (size_t i = 0; i < acl_device_n_aliases(); i++)
        assert_reach(driver(acl_device_alias(i)), UNKNOWN);
}

static void a_property_that_the_driver_does_not_have_is_unknown(void **state)
{
    (void)state;
    assert_reach(property("virtio-net-pci", "drive"), UNKNOWN);
    assert_reach(property("virtio-blk-pci", "netdev"), UNKNOWN);
    assert_reach(property("virtio-net-device", "addr"), UNKNOWN);
    assert_reach(property("virtio-net-ccw", "romfile"), UNKNOWN);
    assert_reach(property("e1000", "host"), UNKNOWN);
    assert_reach(property("usb-kbd", "hostdevice"), UNKNOWN);
    assert_reach(property("virtio-net-pci", ""), UNKNOWN);
}

static void spelling_counts(void **state)
{
    (void)state;
    assert_reach(property("virtio-net-pci", "host-mtu"), UNKNOWN);
    assert_reach(property("virtio-net-pci", "Netdev"), UNKNOWN);
    assert_reach(property("nvme-ns", "zoned.zone-size"), UNKNOWN);
}

static void what_is_no_option_is_unknown(void **state)
{
    (void)state;
    static const char *const names[] = { "realized", "hotplugged",     "hotpluggable", "parent_bus",
                                         "type",     "virtio-backend", "legacy-addr",  "driver" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_reach(property("virtio-net-pci", names[i]), UNKNOWN);
}

static void what_begins_with_x_is_unknown(void **state)
{
    (void)state;
    assert_reach(property("vfio-pci", "x-igd-opregion"), UNKNOWN);
    assert_reach(property("virtio-net-pci", "x-disable-pcie"), UNKNOWN);
    assert_reach(property("max-x86_64-cpu", "x-force-features"), UNKNOWN);
}

static void a_wire_is_unknown(void **state)
{
    (void)state;
    assert_reach(property("qemu-xhci", "host"), UNKNOWN);
    assert_reach(property("i8042", "a20[0]"), UNKNOWN);
    assert_reach(property("max-x86_64-cpu", "memory"), UNKNOWN);
}

static void a_number_in_brackets_is_a_number(void **state)
{
    (void)state;
    static const char *const names[] = { "ports",     "ports[",     "ports[]",  "ports[*]",
                                         "ports[1",   "ports[1]]",  "ports[a]", "ports[-1]",
                                         "ports[1]x", "ports[0x1]", "[1]",      "]" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_reach(property("rocker", names[i]), UNKNOWN);
    char text[4096];
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 3, "[1]", 3);
    assert_reach(acl_device_property_reach(SPAN_LIT("rocker"), (struct span){ text, sizeof(text) }),
                 UNKNOWN);
    assert_reach(property("virtio-net-pci", "ports[1]"), UNKNOWN);
    assert_reach(property("rocker", "ports[0]"), NOTHING);
    assert_reach(property("rocker", "ports[12]"), NOTHING);
}

/* --- reaching --------------------------------------------------------------------------------- */

static void drivers_that_bring_the_host_along_reach_it(void **state)
{
    (void)state;
    static const char *const names[] = {
        "vfio-pci",
        "vfio-ap",
        "vfio-ccw",
        "usb-host",
        "vhost-scsi-pci",
        "vhost-vsock-pci",
        "vhost-user-fs-pci",
        "scsi-generic",
        "scsi-block",
        "ivshmem-doorbell",
        "u2f-passthru",
        "ccid-card-emulated",
        "virtio-input-host-pci",
        "x-pci-proxy-dev",
        "hv-syndbg",
        "pvrdma",
        "virtio-gpu-gl-pci",
        "AC97",
        "usb-audio",
        "hda-duplex",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_reach(driver(names[i]), HOST);
}

static void every_pci_device_has_a_file(void **state)
{
    (void)state;
    assert_reach(property("virtio-net-pci", "romfile"), PATH);
    assert_reach(property("e1000", "romfile"), PATH);
    assert_reach(property("vfio-pci", "romfile"), PATH);
}

static void files_are_paths(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        { "vfio-pci", "sysfsdev" },     { "usb-host", "hostdevice" },
        { "usb-kbd", "pcap" },          { "usb-mtp", "rootdir" },
        { "u2f-passthru", "hidraw" },   { "virtio-input-host-pci", "evdev" },
        { "ipmi-bmc-sim", "sdrfile" },  { "ipmi-bmc-sim", "frudatafile" },
        { "loader", "file" },           { "guest-loader", "kernel" },
        { "guest-loader", "initrd" },   { "cxl-type3", "cdat" },
        { "ccid-card-emulated", "db" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_reach(property(names[i][0], names[i][1]), PATH);
}

static void addresses_of_the_host_are_that(void **state)
{
    (void)state;
    assert_reach(property("vfio-pci", "host"), HOST);
    assert_reach(property("usb-host", "hostbus"), HOST);
    assert_reach(property("usb-host", "hostaddr"), HOST);
    assert_reach(property("usb-host", "vendorid"), HOST);
    assert_reach(property("vhost-scsi-pci", "wwpn"), HOST);
    assert_reach(property("vhost-vsock-pci", "guest-cid"), HOST);
    assert_reach(property("pvrdma", "ibdev"), HOST);
    assert_reach(property("hv-syndbg", "host_ip"), HOST);
    assert_reach(property("hv-syndbg", "host_port"), PORT);
    assert_reach(property("virtio-blk-pci", "scsi"), HOST);
}

static void descriptors_keys_and_costs_are_that(void **state)
{
    (void)state;
    assert_reach(property("vhost-scsi-pci", "vhostfd"), FD);
    assert_reach(property("vhost-vsock-pci", "vhostfd"), FD);
    assert_reach(property("x-pci-proxy-dev", "fd"), FD);
    assert_reach(property("ccid-card-emulated", "cert1"), SECRET);
    assert_reach(property("nvme", "cmb_size_mb"), COST);
    assert_reach(property("virtio-net-pci", "vectors"), COST);
    assert_reach(property("virtio-blk-pci", "num-queues"), COST);
    assert_reach(property("VGA", "vgamem_mb"), COST);
    assert_reach(property("rocker", "len-ports"), COST);
    assert_reach(property("virtio-mem-pci", "requested-size"), COST);
    assert_reach(property("e1000", "romsize"), COST);
}

static void what_the_vm_has_already_reaches_nothing(void **state)
{
    (void)state;
    assert_reach(driver("virtio-net-pci"), NOTHING);
    assert_reach(property("virtio-net-pci", "netdev"), NOTHING);
    assert_reach(property("virtio-net-pci", "mac"), NOTHING);
    assert_reach(property("virtio-net-pci", "addr"), NOTHING);
    assert_reach(property("virtio-net-pci", "bus"), NOTHING);
    assert_reach(property("virtio-net-pci", "id"), NOTHING);
    assert_reach(property("virtio-net-pci", "failover_pair_id"), NOTHING);
    assert_reach(property("virtio-net-ccw", "devno"), NOTHING);
    assert_reach(property("scsi-hd", "drive"), NOTHING);
    assert_reach(property("virtserialport", "chardev"), NOTHING);
    assert_reach(property("pc-dimm", "memdev"), NOTHING);
    assert_reach(driver("qemu64-x86_64-cpu"), NOTHING);
    assert_reach(property("qemu64-x86_64-cpu", "socket-id"), NOTHING);
}

/* --- aliases ---------------------------------------------------------------------------------- */

static struct qmp_schema *schema_with(const char *const *commands)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_str(&b, "[{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[]}");
    for (; *commands; commands++)
        buf_printf(&b,
                   ",{\"name\":\"%s\",\"meta-type\":\"command\",\"arg-type\":\"0\","
                   "\"ret-type\":\"0\"}",
                   *commands);
    buf_add_str(&b, "]");
    struct qmp_schema *s = NULL;
    struct error err = { 0 };
    if (qmp_schema_parse(buf_data(&b), buf_len(&b), &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static enum acl_virtio usual_of(const char *const *commands)
{
    struct qmp_schema *s = schema_with(commands);
    enum acl_virtio usual = acl_device_usual_virtio(s);
    qmp_schema_unref(s);
    return usual;
}
#define USUAL_OF(...) usual_of((const char *const[]){ __VA_ARGS__, NULL })

static void assert_canonical(const char *alias, enum acl_virtio usual, const char *expected)
{
    struct span name = acl_device_canonical(span_of(alias), usual);
    assert_int_equal(name.len, strlen(expected));
    assert_memory_equal(name.data, expected, name.len);
}

static void an_alias_of_several_drivers_is_none_of_them_where_the_machine_is_unknown(void **state)
{
    (void)state;
    assert_canonical("virtio-net", ACL_VIRTIO_UNKNOWN, "");
    assert_canonical("virtio-blk", ACL_VIRTIO_UNKNOWN, "");
    assert_canonical("virtio-gpu-gl", ACL_VIRTIO_UNKNOWN, "");
}

static void an_alias_that_a_machine_does_not_have_is_no_driver(void **state)
{
    (void)state;
    assert_canonical("virtio-gpu-gl", ACL_VIRTIO_CCW, "");
    assert_canonical("virtio-iommu", ACL_VIRTIO_MMIO, "");
}

static void an_alias_is_the_driver_of_the_machine(void **state)
{
    (void)state;
    assert_canonical("virtio-net", ACL_VIRTIO_PCI, "virtio-net-pci");
    assert_canonical("virtio-net", ACL_VIRTIO_CCW, "virtio-net-ccw");
    assert_canonical("virtio-net", ACL_VIRTIO_MMIO, "virtio-net-device");
}

static void an_alias_of_one_driver_is_that(void **state)
{
    (void)state;
    assert_canonical("e1000-82540em", ACL_VIRTIO_UNKNOWN, "e1000");
    assert_canonical("ac97", ACL_VIRTIO_UNKNOWN, "AC97");
    assert_canonical("virtio-iommu", ACL_VIRTIO_UNKNOWN, "virtio-iommu-pci");
}

static void what_is_no_alias_stays_what_it_is(void **state)
{
    (void)state;
    assert_canonical("virtio-net-pci", ACL_VIRTIO_CCW, "virtio-net-pci");
    assert_canonical("Virtio-net", ACL_VIRTIO_PCI, "Virtio-net");
    assert_canonical("", ACL_VIRTIO_PCI, "");
    assert_null(acl_device_alias_targets(SPAN_LIT("virtio-net-pci")));
}

static void every_target_of_an_alias_is_in_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < acl_device_n_aliases(); i++) {
        const char *const *targets = acl_device_alias_targets(span_of(acl_device_alias(i)));
        assert_non_null(targets);
        assert_non_null(targets[0]);
        for (; *targets; targets++) {
            if (strcmp(*targets, "virtio-input-host-ccw") != 0) /* Debian builds none */
                assert_true(driver(*targets) != ACL_REACH_UNKNOWN);
        }
    }
}

static void the_machine_is_known_by_commands_of_one_architecture(void **state)
{
    (void)state;
    struct qmp_schema *x86 = cases_load_schema();
    assert_int_equal(acl_device_usual_virtio(x86), ACL_VIRTIO_PCI);
    qmp_schema_unref(x86);
    assert_int_equal(USUAL_OF("dump-skeys", "query-cpu-model-comparison"), ACL_VIRTIO_CCW);
    assert_int_equal(USUAL_OF("query-gic-capabilities"), ACL_VIRTIO_PCI);
}

static void a_machine_with_commands_of_all_or_no_architecture_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(USUAL_OF("stop"), ACL_VIRTIO_UNKNOWN);
    assert_int_equal(USUAL_OF("query-sev", "query-sgx", "rtc-reset-reinjection", "dump-skeys"),
                     ACL_VIRTIO_UNKNOWN);
    assert_int_equal(USUAL_OF("query-gic-capabilities", "dump-skeys"), ACL_VIRTIO_UNKNOWN);
}

static void a_machine_with_some_commands_of_an_architecture_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(USUAL_OF("query-sev"), ACL_VIRTIO_UNKNOWN);
    assert_int_equal(USUAL_OF("dump-skeys"), ACL_VIRTIO_UNKNOWN);
}

/* --- a command's arguments -------------------------------------------------------------------- */

/* "NAME=reach ..." of what is found, `*` for the whole. */
static void assert_found_on(const char *json, enum acl_virtio usual, const char *expected)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 4096,
                                                   .max_depth = 16,
                                                   .max_tokens = 256 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, span_of(json));
    assert_non_null(scanner);
    const struct qmp_tape *tape = qmp_scanner_tape(scanner);
    struct acl_reached_list found = { 0 };
    acl_device_find(tape, 0, usual, &found);
    CLEANUP_BUF struct buf b = { 0 };
    for (size_t i = 0; i < found.n; i++) {
        uint32_t value = found.items[i].token;
        struct span name = value == 0 ? SPAN_LIT("*") : qmp_tape_string(tape, value - 1);
        buf_printf(&b, "%s%.*s=%s", i ? " " : "", (int)name.len, name.data,
                   acl_reach_name(found.items[i].reach));
    }
    buf_add(&b, "", 1);
    assert_string_equal(buf_data(&b), expected);
    free(found.items);
    qmp_scanner_free(scanner);
}

static void assert_found(const char *json, const char *expected)
{
    assert_found_on(json, ACL_VIRTIO_PCI, expected);
}

static void without_a_driver_the_whole_is_unknown(void **state)
{
    (void)state;
    assert_found("{}", "*=unknown");
    assert_found("{\"id\":\"a\",\"netdev\":\"n\"}", "*=unknown");
    assert_found("{\"Driver\":\"e1000\"}", "*=unknown");
}

static void a_driver_that_is_no_string_is_unknown(void **state)
{
    (void)state;
    assert_found("{\"driver\":1,\"mac\":\"m\"}", "driver=unknown mac=unknown");
    assert_found("{\"driver\":[\"e1000\"],\"mac\":\"m\"}", "driver=unknown mac=unknown");
    assert_found("{\"driver\":null,\"id\":\"a\"}", "driver=unknown");
}

static void an_unknown_drivers_members_are_unknown(void **state)
{
    (void)state;
    assert_found("{\"driver\":\"new\",\"id\":\"a\",\"bus\":\"b\",\"addr\":\"5\"}",
                 "driver=unknown addr=unknown");
}

static void what_reaches_nothing_is_not_found(void **state)
{
    (void)state;
    assert_found(
        "{\"driver\":\"virtio-net-pci\",\"id\":\"a\",\"bus\":\"b\",\"netdev\":\"n\",\"mq\":true}",
        "");
}

static void a_value_that_is_no_scalar_is_unknown(void **state)
{
    (void)state;
    assert_found("{\"driver\":\"e1000\",\"mac\":{\"a\":1},\"netdev\":[],\"addr\":null,\"id\":{}}",
                 "mac=unknown netdev=unknown addr=unknown id=unknown");
}

static void what_reaches_is_found_in_the_order_of_the_text(void **state)
{
    (void)state;
    assert_found("{\"mac\":\"m\",\"rombar\":0,\"romfile\":\"/r\",\"driver\":\"e1000\",\"zz\":true}",
                 "romfile=path zz=unknown");
    assert_found("{\"driver\":\"vfio-pci\",\"host\":\"01:00.0\",\"multifunction\":true}",
                 "driver=host host=host");
}

static void escapes_are_no_way_around(void **state)
{
    (void)state;
    assert_found(
        "{\"driver\":\"e1\\u0030\\u0030\\u0030\",\"rom\\u0066ile\":\"/r\",\"mac\\u0000\":1}",
        "romfile=path mac=unknown");
}

static void an_alias_is_judged_as_what_the_machine_takes_it_for(void **state)
{
    (void)state;
    const char *json = "{\"driver\":\"virtio-net\",\"netdev\":\"n\",\"romfile\":\"/r\"}";
    assert_found_on(json, ACL_VIRTIO_PCI, "romfile=path");
    assert_found_on(json, ACL_VIRTIO_CCW, "romfile=unknown");
    assert_found_on(json, ACL_VIRTIO_UNKNOWN, "driver=unknown netdev=unknown romfile=unknown");
    assert_found("{\"driver\":\"virtio-input-host\"}", "driver=host");
}

/* --- the table -------------------------------------------------------------------------------- */

static void drivers_are_in_it_once(void **state)
{
    (void)state;
    for (size_t i = 1; i < acl_device_n_drivers(); i++) {
        if (strcmp(acl_device_driver(i - 1), acl_device_driver(i)) >= 0)
            fail_msg("%s is there twice", acl_device_driver(i));
    }
}

/* A name may come in two groups of a driver, but not mean two things. */
static void check_property(void *opaque, const char *group, const char *name, enum acl_reach reach)
{
    const char *of = opaque;
    const char *bracket = strstr(name, "[*]");
    CLEANUP_BUF struct buf b = { 0 };
    buf_add(&b, name, bracket ? (size_t)(bracket - name) : strlen(name) + 1);
    if (bracket)
        buf_add(&b, "[0]", sizeof("[0]"));
    if (property(of, buf_data(&b)) != reach)
        fail_msg("%s of %s in %s: %s, and %s elsewhere", name, of, group, acl_reach_name(reach),
                 acl_reach_name(property(of, buf_data(&b))));
    if (strncmp(name, "x-", 2) == 0)
        fail_msg("%s in %s is experimental", name, group);
    if (strcmp(name, "driver") == 0)
        fail_msg("driver is no property");
}

static void a_driver_has_no_property_of_two_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < acl_device_n_drivers(); i++)
        acl_device_each_property(i, check_property, (void *)acl_device_driver(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_that_the_table_does_not_know_is_unknown),
        cmocka_unit_test(a_driver_with_nul_behind_it_is_unknown),
        cmocka_unit_test(an_alias_is_no_driver),
        cmocka_unit_test(a_property_that_the_driver_does_not_have_is_unknown),
        cmocka_unit_test(spelling_counts),
        cmocka_unit_test(what_is_no_option_is_unknown),
        cmocka_unit_test(what_begins_with_x_is_unknown),
        cmocka_unit_test(a_wire_is_unknown),
        cmocka_unit_test(a_number_in_brackets_is_a_number),
        cmocka_unit_test(drivers_that_bring_the_host_along_reach_it),
        cmocka_unit_test(every_pci_device_has_a_file),
        cmocka_unit_test(files_are_paths),
        cmocka_unit_test(addresses_of_the_host_are_that),
        cmocka_unit_test(descriptors_keys_and_costs_are_that),
        cmocka_unit_test(what_the_vm_has_already_reaches_nothing),
        cmocka_unit_test(an_alias_of_several_drivers_is_none_of_them_where_the_machine_is_unknown),
        cmocka_unit_test(an_alias_that_a_machine_does_not_have_is_no_driver),
        cmocka_unit_test(an_alias_is_the_driver_of_the_machine),
        cmocka_unit_test(an_alias_of_one_driver_is_that),
        cmocka_unit_test(what_is_no_alias_stays_what_it_is),
        cmocka_unit_test(every_target_of_an_alias_is_in_the_table),
        cmocka_unit_test(the_machine_is_known_by_commands_of_one_architecture),
        cmocka_unit_test(a_machine_with_commands_of_all_or_no_architecture_is_unknown),
        cmocka_unit_test(a_machine_with_some_commands_of_an_architecture_is_unknown),
        cmocka_unit_test(without_a_driver_the_whole_is_unknown),
        cmocka_unit_test(a_driver_that_is_no_string_is_unknown),
        cmocka_unit_test(an_unknown_drivers_members_are_unknown),
        cmocka_unit_test(what_reaches_nothing_is_not_found),
        cmocka_unit_test(a_value_that_is_no_scalar_is_unknown),
        cmocka_unit_test(what_reaches_is_found_in_the_order_of_the_text),
        cmocka_unit_test(escapes_are_no_way_around),
        cmocka_unit_test(an_alias_is_judged_as_what_the_machine_takes_it_for),
        cmocka_unit_test(drivers_are_in_it_once),
        cmocka_unit_test(a_driver_has_no_property_of_two_meanings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
