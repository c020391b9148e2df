#include "config.h"
#include "libqmp/codec.h"

#include <string.h>
#include "base/mem.h"

size_t codec_place_size(const struct codec_type *type)
{
    static const uint8_t sizes[] = {
        [CODEC_BOOL] = sizeof(bool),
        [CODEC_INT8] = 1,
        [CODEC_INT16] = 2,
        [CODEC_INT32] = 4,
        [CODEC_INT64] = 8,
        [CODEC_UINT8] = 1,
        [CODEC_UINT16] = 2,
        [CODEC_UINT32] = 4,
        [CODEC_UINT64] = 8,
        [CODEC_DOUBLE] = sizeof(double),
        [CODEC_ENUM] = 4,
        [CODEC_NULL] = 0,
        [CODEC_STRING] = sizeof(char *),
        [CODEC_ANY] = 8,
        [CODEC_LIST] = sizeof(void *),
        [CODEC_OBJECT] = sizeof(void *),
        [CODEC_ALTERNATE] = sizeof(void *),
    };
    return sizes[type->kind];
}

const struct codec_type *codec_branch(const struct codec_type *type, const void *structure)
{
    uint32_t value;
    if (type->kind == CODEC_ALTERNATE) {
        value = *(const uint32_t *)structure;
        return value > 0 && value <= type->n ? type->choices[value - 1] : NULL;
    }
    if (type->tag == CODEC_NONE)
        return NULL;
    value = *(const uint32_t *)codec_at(structure, type->members[type->tag].offset);
    return value < type->n_branches ? type->branches[value] : NULL;
}

void *codec_new(const struct codec_type *type)
{
    return mem_zalloc(type->kind == CODEC_LIST ? sizeof(struct codec_list) : type->size);
}

/* --- free ------------------------------------------------------------------------------------- */

static void clear_list(const struct codec_type *element, struct codec_list *list)
{
    size_t size = codec_place_size(element);
    for (size_t i = 0; codec_is_pointer(element) && i < list->n; i++)
        codec_clear(element, (char *)list->items + i * size);
    free(list->items);
}

static void clear_structure(const struct codec_type *type, void *s)
{
    const struct codec_type *branch = codec_branch(type, s);
    if (branch && codec_is_pointer(branch))
        codec_clear(branch, codec_at(s, type->u));
    if (type->kind == CODEC_ALTERNATE)
        return;
    for (unsigned i = 0; i < type->n; i++) {
        if (codec_is_pointer(type->members[i].type))
            codec_clear(type->members[i].type, codec_at(s, type->members[i].offset));
    }
    if (type->open != CODEC_NONE)
        free(*(char **)codec_at(s, type->open));
}

void codec_clear(const struct codec_type *type, void *place)
{
    if (!codec_is_pointer(type)) {
        memset(place, 0, codec_place_size(type));
        return;
    }
    void *p = *(void **)place;
    if (p && type->kind == CODEC_LIST)
        clear_list(type->element, p);
    else if (p && type->kind >= CODEC_OBJECT)
        clear_structure(type, p);
    free(p);
    *(void **)place = NULL;
}

/* --- copy ------------------------------------------------------------------------------------- */

static void *copy_list(const struct codec_type *element, const struct codec_list *from)
{
    struct codec_list *to = MEM_NEW(struct codec_list);
    size_t size = codec_place_size(element);
    to->n = from->n;
    to->items = mem_zalloc_array(from->n, size);
    if (!codec_is_pointer(element)) {
        if (from->n)
            memcpy(to->items, from->items, from->n * size);
        return to;
    }
    for (size_t i = 0; i < from->n; i++)
        codec_copy(element, (const char *)from->items + i * size, (char *)to->items + i * size);
    return to;
}

static void *copy_structure(const struct codec_type *type, const void *from)
{
    const struct codec_type *branch = codec_branch(type, from);
    void *to = mem_dup(from, type->size);
    if (type->u != CODEC_NONE && (!branch || codec_is_pointer(branch)))
        *(void **)codec_at(to, type->u) = NULL;
    if (branch && codec_is_pointer(branch))
        codec_copy(branch, codec_at(from, type->u), codec_at(to, type->u));
    if (type->kind == CODEC_ALTERNATE)
        return to;
    for (unsigned i = 0; i < type->n; i++) {
        const struct codec_member *m = &type->members[i];
        if (codec_is_pointer(m->type)) {
            *(void **)codec_at(to, m->offset) = NULL;
            codec_copy(m->type, codec_at(from, m->offset), codec_at(to, m->offset));
        }
    }
    if (type->open != CODEC_NONE) {
        char **more = codec_at(to, type->open);
        *more = mem_strdup(*more);
    }
    return to;
}

void codec_copy(const struct codec_type *type, const void *from, void *to)
{
    if (!codec_is_pointer(type)) {
        memcpy(to, from, codec_place_size(type));
        return;
    }
    const void *p = *(void *const *)from;
    void *copy = NULL;
    if (p && type->kind == CODEC_LIST)
        copy = copy_list(type->element, p);
    else if (p && type->kind >= CODEC_OBJECT)
        copy = copy_structure(type, p);
    else if (p)
        copy = mem_strdup(p);
    *(void **)to = copy;
}

/* --- compare ---------------------------------------------------------------------------------- */

static bool equal_strings(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool equal_lists(const struct codec_type *element, const struct codec_list *a,
                        const struct codec_list *b)
{
    size_t size = codec_place_size(element);
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!codec_equal(element, (const char *)a->items + i * size,
                         (const char *)b->items + i * size))
            return false;
    }
    return true;
}

static bool equal_members(const struct codec_member *m, const void *a, const void *b)
{
    if (m->has != CODEC_NONE) {
        bool has = *(const bool *)codec_at(a, m->has);
        if (has != *(const bool *)codec_at(b, m->has))
            return false;
        if (!has)
            return true;
    }
    return codec_equal(m->type, codec_at(a, m->offset), codec_at(b, m->offset));
}

static bool equal_structures(const struct codec_type *type, const void *a, const void *b)
{
    const struct codec_type *branch = codec_branch(type, a);
    if (type->kind == CODEC_ALTERNATE) {
        if (*(const uint32_t *)a != *(const uint32_t *)b)
            return false;
    } else {
        for (unsigned i = 0; i < type->n; i++) {
            if (!equal_members(&type->members[i], a, b))
                return false;
        }
        if (type->open != CODEC_NONE &&
            !equal_strings(*(char **)codec_at(a, type->open), *(char **)codec_at(b, type->open)))
            return false;
    }
    return !branch || codec_equal(branch, codec_at(a, type->u), codec_at(b, type->u));
}

bool codec_equal(const struct codec_type *type, const void *a, const void *b)
{
    if (type->kind == CODEC_DOUBLE)
        return *(const double *)a == *(const double *)b;
    if (!codec_is_pointer(type))
        return memcmp(a, b, codec_place_size(type)) == 0;
    const void *x = *(void *const *)a, *y = *(void *const *)b;
    if (!x || !y)
        return x == y;
    if (type->kind == CODEC_LIST)
        return equal_lists(type->element, x, y);
    if (type->kind >= CODEC_OBJECT)
        return equal_structures(type, x, y);
    return equal_strings(x, y);
}

/* --- lists ------------------------------------------------------------------------------------ */

void codec_append(const struct codec_type *list_type, struct codec_list *list, void *place)
{
    size_t size = codec_place_size(list_type->element);
    list->items = mem_realloc_array(list->items, list->n + 1, size);
    memcpy((char *)list->items + list->n * size, place, size);
    list->n++;
    memset(place, 0, size);
}
