/* Any text for a domain's element of labels: what is taken is within its bounds, and each is a
 * label with a key of its own. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/mem.h"
#include "conf/form.h"
#include "proxy/libvirt_labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_labels labels;
    struct error err;
    CLEANUP_FREE char *xml = mem_strndup((const char *)data, size);
    if (libvirt_labels_parse(xml, &labels, &err) < 0) {
        FUZZ_ASSERT(labels.n == 0 && labels.items == NULL);
        return 0;
    }
    FUZZ_ASSERT(labels.n <= LIBVIRT_LABELS_MAX);
    for (size_t i = 0; i < labels.n; i++) {
        FUZZ_ASSERT(conf_form_label(labels.items[i], &err) == 0);
        size_t key = strcspn(labels.items[i], "=") + 1;
        for (size_t k = 0; k < i; k++)
            FUZZ_ASSERT(strncmp(labels.items[i], labels.items[k], key) != 0);
    }
    libvirt_labels_free(&labels);
    return 0;
}
