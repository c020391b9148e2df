#include "config.h"
#include "qmp/tape.h"

#include <string.h>
#include "base/mem.h"

bool qmp_tape_string_is(const struct qmp_tape *t, uint32_t token, struct span text)
{
    struct span s = qmp_tape_string(t, token);
    return s.len == text.len && memcmp(s.data, text.data, s.len) == 0;
}

uint32_t qmp_tape_find(const struct qmp_tape *t, uint32_t object, struct span name)
{
    QMP_TAPE_MEMBERS (t, object, key, value) {
        if (qmp_tape_string_is(t, key, name))
            return value;
    }
    return QMP_NONE;
}

bool qmp_tape_int64(const struct qmp_tape *t, uint32_t token, int64_t *out)
{
    if (qmp_tape_kind(t, token) != QMP_KIND_NUMBER)
        return false;
    struct span raw = qmp_tape_raw(t, token);
    bool negative = raw.data[0] == '-';
    int64_t value = 0;
    for (size_t i = negative; i < raw.len; i++) {
        int digit = raw.data[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        /* counts downwards, because INT64_MIN has no positive counterpart */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    *out = value;
    return true;
}

size_t qmp_tape_copy_size(const struct qmp_tape *t)
{
    return sizeof(*t) + t->n_tokens * sizeof(*t->tokens) + t->decoded_len + t->text_len;
}

struct qmp_tape *qmp_tape_copy_into(const struct qmp_tape *t, void *memory)
{
    struct qmp_tape *copy = memory;
    struct qmp_token *tokens = (struct qmp_token *)(copy + 1);
    char *decoded = (char *)(tokens + t->n_tokens);
    char *text = decoded + t->decoded_len;

    if (t->n_tokens)
        memcpy(tokens, t->tokens, t->n_tokens * sizeof(*tokens));
    if (t->decoded_len)
        memcpy(decoded, t->decoded, t->decoded_len);
    memcpy(text, t->text, t->text_len);
    *copy = *t;
    copy->tokens = tokens;
    copy->decoded = decoded;
    copy->text = text;
    return copy;
}

struct qmp_tape *qmp_tape_copy(const struct qmp_tape *t)
{
    return qmp_tape_copy_into(t, mem_alloc(qmp_tape_copy_size(t)));
}
