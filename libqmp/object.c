#include "config.h"
#include "libqmp/object.h"

#include <string.h>
#include "base/mem.h"
#include "libqmp/codec.h"

uint32_t object_find(const struct qmp_tape *t, uint32_t in, const char *name)
{
    if (in == QMP_NONE || qmp_tape_kind(t, in) != QMP_KIND_OBJECT)
        return QMP_NONE;
    return qmp_tape_find(t, in, (struct span){ name, strlen(name) });
}

uint32_t object_find_kind(const struct qmp_tape *t, uint32_t in, const char *name,
                          enum qmp_kind kind)
{
    uint32_t token = object_find(t, in, name);
    return token != QMP_NONE && qmp_tape_kind(t, token) == kind ? token : QMP_NONE;
}

char *object_text(const struct qmp_tape *t, uint32_t in, const char *name)
{
    uint32_t token = object_find_kind(t, in, name, QMP_KIND_STRING);
    if (token == QMP_NONE)
        return NULL;
    struct span text = qmp_tape_string(t, token);
    return memchr(text.data, '\0', text.len) ? NULL : mem_strndup(text.data, text.len);
}

struct qmp_scanner *object_scan(const char *json)
{
    struct qmp_scanner *s = codec_scan(json, QMP_ERROR_KIND_REPLY, NULL);
    if (s && qmp_tape_kind(qmp_scanner_tape(s), 0) != QMP_KIND_OBJECT) {
        qmp_scanner_free(s);
        return NULL;
    }
    return s;
}
