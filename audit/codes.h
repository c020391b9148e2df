/* Why something was refused, ended or failed, for machines: see codes.def. */
#ifndef AUDIT_CODES_H
#define AUDIT_CODES_H

enum audit_code {
    AUDIT_CODE_NONE,
#define CODE(name, word, meaning) AUDIT_CODE_##name,
#include "audit/codes.def"
#undef CODE
    AUDIT_N_CODES
};

/* The word; NULL for AUDIT_CODE_NONE. */
const char *audit_code_word(enum audit_code code);

#endif
