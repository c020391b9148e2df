#include "config.h"
#include "audit/codes.h"

#include <stddef.h>

const char *audit_code_word(enum audit_code code)
{
    static const char *const words[] = {
        [AUDIT_CODE_NONE] = NULL,
#define CODE(name, word, meaning) [AUDIT_CODE_##name] = (word),
#include "audit/codes.def"
#undef CODE
    };
    return words[code];
}
