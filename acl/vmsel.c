#include "config.h"
#include "acl/vmsel.h"

#include <stdlib.h>
#include <string.h>
#include "base/glob.h"
#include "base/mem.h"
#include "base/util.h"

#define UUID_LEN 36
#define UUID_NIL                                                                     \
    "00000000-0000-0000-0000-000000000000" /* every VM without one of its own has it \
                                            */

enum vmsel_kind { VMSEL_NAME, VMSEL_UUID, VMSEL_LABEL };

static const char *const prefixes[] = {
    [VMSEL_NAME] = "name:",
    [VMSEL_UUID] = "uuid:",
    [VMSEL_LABEL] = "label:",
};

struct acl_vmsel {
    enum vmsel_kind kind;
    char *text;     /* prefix and all; a UUID in lower case; owned */
    size_t prefix;  /* bytes of text before the pattern */
    size_t literal; /* bytes of the pattern that stand for themselves: a label's key and '=' */
    bool wild;
};

static const char *pattern_of(const struct acl_vmsel *s)
{
    return s->text + s->prefix;
}

static void lower(char *s)
{
    for (; *s; s++) {
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
    }
}

static int check_uuid(struct acl_vmsel *s, struct error *err)
{
    char *uuid = s->text + s->prefix;
    lower(uuid);
    bool good = strlen(uuid) == UUID_LEN;
    for (size_t i = 0; good && i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        good = dash ? uuid[i] == '-' : strchr("0123456789abcdef", uuid[i]) != NULL;
    }
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "a UUID has the form 01234567-89ab-cdef-0123-456789abcdef");
    if (strcmp(uuid, UUID_NIL) == 0)
        return error_set(err, ERROR_INVALID,
                         "the nil UUID names no VM: every VM without one of its own has it");
    return 0;
}

static int check_label(struct acl_vmsel *s, struct error *err)
{
    const char *equals = strchr(pattern_of(s), '=');
    size_t key = equals ? (size_t)(equals - pattern_of(s)) : 0;
    if (key == 0 || equals[1] == '\0' || strcspn(pattern_of(s), "*?") < key)
        return error_set(err, ERROR_INVALID,
                         "a label is KEY=VALUE, with wildcards in the value only");
    s->literal = key + 1;
    s->wild = glob_is_pattern(equals + 1);
    return 0;
}

static int check_name(struct acl_vmsel *s, struct error *err)
{
    if (!*pattern_of(s))
        return error_set(err, ERROR_INVALID, "the name is empty");
    s->wild = glob_is_pattern(pattern_of(s));
    return 0;
}

static int check(struct acl_vmsel *s, struct error *err)
{
    for (const char *c = s->text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return error_set(err, ERROR_INVALID, "a control byte in a name");
    }
    switch (s->kind) {
    case VMSEL_NAME:
        return check_name(s, err);
    case VMSEL_UUID:
        return check_uuid(s, err);
    case VMSEL_LABEL:
        return check_label(s, err);
    }
    abort();
}

int acl_vmsel_parse(const char *text, struct acl_vmsel **out, struct error *err)
{
    CLEANUP_VMSEL struct acl_vmsel *s = MEM_NEW(struct acl_vmsel);
    *out = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !s->text; i++) {
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
            s->kind = (enum vmsel_kind)i;
            s->text = mem_strdup(text);
        }
    }
    if (!s->text) {
        if (acl_agent_of(text))
            return error_set(
                err, ERROR_INVALID,
                "guest agents are granted by qemu_agent = true, with the names of the VMs");
        if (strchr(text, ':'))
            return error_set(err, ERROR_INVALID,
                             "a VM is NAME, name:NAME, uuid:UUID or label:KEY=VALUE");
        s->text = mem_printf("%s%s", prefixes[VMSEL_NAME], text);
    }
    s->prefix = strlen(prefixes[s->kind]);
    int rc = check(s, err);
    if (rc == 0)
        *out = TAKE_PTR(s);
    return rc;
}

void acl_vmsel_free(struct acl_vmsel *s)
{
    if (!s)
        return;
    free(s->text);
    free(s);
}

const char *acl_vmsel_key(const struct acl_vmsel *s)
{
    return s->wild ? NULL : s->text;
}

static bool match_label(const struct acl_vmsel *s, const char *label)
{
    const char *pattern = pattern_of(s);
    if (strncmp(pattern, label, s->literal) != 0)
        return false;
    pattern += s->literal;
    label += s->literal;
    return glob_match(pattern, strlen(pattern), label, strlen(label));
}

static bool match_any_label(const struct acl_vmsel *s, const struct acl_vm *vm)
{
    for (size_t i = 0; i < vm->n_labels; i++) {
        if (match_label(s, vm->labels[i]))
            return true;
    }
    return false;
}

static bool same_uuid(const char *a, const char *b)
{
    return b && strcasecmp(a, b) == 0;
}

bool acl_vmsel_match(const struct acl_vmsel *s, const struct acl_vm *vm)
{
    const char *pattern = pattern_of(s);
    switch (s->kind) {
    case VMSEL_NAME:
        return glob_match(pattern, strlen(pattern), vm->name, strlen(vm->name));
    case VMSEL_UUID:
        return same_uuid(pattern, vm->uuid);
    case VMSEL_LABEL:
        return match_any_label(s, vm);
    }
    abort();
}

static void give_key(enum vmsel_kind kind, const char *value,
                     void (*each)(void *opaque, const char *key), void *opaque)
{
    CLEANUP_FREE char *key = mem_printf("%s%s", prefixes[kind], value);
    if (kind == VMSEL_UUID)
        lower(key);
    each(opaque, key);
}

void acl_vmsel_keys(const struct acl_vm *vm, void (*each)(void *opaque, const char *key),
                    void *opaque)
{
    give_key(VMSEL_NAME, vm->name, each, opaque);
    if (vm->uuid)
        give_key(VMSEL_UUID, vm->uuid, each, opaque);
    for (size_t i = 0; i < vm->n_labels; i++)
        give_key(VMSEL_LABEL, vm->labels[i], each, opaque);
}
