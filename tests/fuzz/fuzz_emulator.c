/* Whatever somebody writes into a domain's metadata, it is taken for the QEMU that it is. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/mem.h"
#include "proxy/emulators.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_strndup((const char *)data, size);
    CLEANUP_FREE char *xml =
        mem_printf("<domain><metadata>%s</metadata><os><type arch='x' machine='m'>hvm</type></os>"
                   "<devices><emulator>/q</emulator></devices></domain>",
                   text);
    CLEANUP_FREE char *key = emulator_key("host1", xml);
    FUZZ_ASSERT(key && strcmp(key, "host1 <emulator>/q <type arch='x' machine='m'>hvm") == 0);
    CLEANUP_FREE char *any = emulator_key("host1", text);
    FUZZ_ASSERT(!any || strlen(any) <= strlen(text) + strlen("host1  "));
    return 0;
}
