/* The arguments of a device_add. Checked besides memory: what is found is what the table says of
 * each member, and of the canonical driver; what is no scalar is unknown. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include "acl/device.h"
#include "qmp/scan.h"
#include "qmp/tape.h"

static const struct qmp_scan_limits limits = { .max_bytes = 65536,
                                               .max_depth = 32,
                                               .max_tokens = 4096 };

static enum acl_reach expect(const struct qmp_tape *t, uint32_t value, uint32_t named,
                             struct span driver)
{
    enum qmp_kind kind = qmp_tape_kind(t, value);
    if (kind == QMP_KIND_OBJECT || kind == QMP_KIND_ARRAY || kind == QMP_KIND_NULL)
        return ACL_REACH_UNKNOWN;
    if (value == named)
        return acl_device_driver_reach(driver);
    if (qmp_tape_string_is(t, value - 1, SPAN_LIT("id")) ||
        qmp_tape_string_is(t, value - 1, SPAN_LIT("bus")))
        return ACL_REACH_NOTHING;
    return acl_device_property_reach(driver, qmp_tape_string(t, value - 1));
}

static void check(const struct qmp_tape *t, enum acl_virtio usual,
                  const struct acl_reached_list *found)
{
    uint32_t named = qmp_tape_find(t, 0, SPAN_LIT("driver"));
    if (named == QMP_NONE) {
        FUZZ_ASSERT(found->n == 1 && found->items[0].token == 0);
        FUZZ_ASSERT(found->items[0].reach == ACL_REACH_UNKNOWN);
        return;
    }
    struct span driver = SPAN_LIT("");
    if (qmp_tape_kind(t, named) == QMP_KIND_STRING)
        driver = acl_device_canonical(qmp_tape_string(t, named), usual);
    size_t i = 0;
    QMP_TAPE_MEMBERS (t, 0, name, value) {
        enum acl_reach reach = expect(t, value, named, driver);
        if (reach == ACL_REACH_NOTHING)
            continue;
        FUZZ_ASSERT(i < found->n);
        FUZZ_ASSERT(found->items[i].token == value && found->items[i].reach == reach);
        i++;
    }
    FUZZ_ASSERT(i == found->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    if (scanner == NULL)
        return 0;
    for (unsigned usual = 0; usual < ACL_N_VIRTIOS; usual++) {
        struct acl_reached_list found = { 0 };
        acl_device_find(qmp_scanner_tape(scanner), 0, (enum acl_virtio)usual, &found);
        check(qmp_scanner_tape(scanner), (enum acl_virtio)usual, &found);
        free(found.items);
    }
    qmp_scanner_free(scanner);
    return 0;
}
