#include "config.h"
#include "qmp/schema.h"

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/schema_internal.h"

/* All schemas that are in use, by the hash of their bytes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct qmp_schema *known; /* guarded by lock */

/* --- life ------------------------------------------------------------------------------------- */

static void schema_free(struct qmp_schema *s)
{
    for (size_t sort = 0; sort < N_SCHEMA_SORTS; sort++) {
        free(s->index[sort].slots);
        free(s->numbered[sort]);
    }
    free(s->memory);
    free(s->elements);
    free(s->refs);
    free(s->commands);
    schema_free_types(&s->model);
    free(s);
}

static int hash_bytes(const char *data, size_t len, char text[65], struct error *err)
{
    unsigned char digest[32];
    int rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, digest);
    if (rc < 0)
        return error_set(err, ERROR_SYSTEM, "SHA-256: %s", gnutls_strerror(rc));
    for (size_t i = 0; i < sizeof(digest); i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[64] = '\0';
    return 0;
}

/* One more reference to the schema with this hash; NULL if there is none. Under the lock. */
static struct qmp_schema *ref_known(const char *hash)
{
    struct qmp_schema *s;
    HASH_FIND_STR(known, hash, s);
    if (s)
        s->users++;
    return s;
}

int qmp_schema_parse(const char *json, size_t len, struct qmp_schema **out, struct error *err)
{
    char hash[65];
    int rc = hash_bytes(json, len, hash, err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&lock);
    *out = ref_known(hash);
    pthread_mutex_unlock(&lock);
    if (*out)
        return 0;

    struct qmp_schema *s = MEM_NEW(struct qmp_schema);
    memcpy(s->hash, hash, sizeof(hash));
    s->users = 1;
    rc = schema_parse(s, json, len, err);
    if (rc < 0) {
        schema_free(s);
        return rc;
    }
    pthread_mutex_lock(&lock);
    *out = ref_known(hash); /* another thread may have been faster */
    if (!*out) {
        HASH_ADD_STR(known, hash, s);
        *out = TAKE_PTR(s);
    }
    pthread_mutex_unlock(&lock);
    if (s)
        schema_free(s);
    return 0;
}

struct qmp_schema *qmp_schema_ref(struct qmp_schema *s)
{
    if (!s)
        return NULL;
    pthread_mutex_lock(&lock);
    s->users++;
    pthread_mutex_unlock(&lock);
    return s;
}

void qmp_schema_unref(struct qmp_schema *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&lock);
    bool last = --s->users == 0;
    if (last)
        HASH_DEL(known, s);
    pthread_mutex_unlock(&lock);
    if (last)
        schema_free(s);
}

/* --- look-up ---------------------------------------------------------------------------------- */

const char *qmp_schema_hash(const struct qmp_schema *s)
{
    return s->hash;
}

unsigned qmp_schema_n_commands(const struct qmp_schema *s)
{
    return s->n_numbered[SCHEMA_COMMAND];
}

unsigned qmp_schema_n_events(const struct qmp_schema *s)
{
    return s->n_numbered[SCHEMA_EVENT];
}

const struct qmp_schema_command *qmp_schema_command(const struct qmp_schema *s, unsigned i)
{
    return &s->commands[i];
}

const char *qmp_schema_event(const struct qmp_schema *s, unsigned i)
{
    return s->elements[s->numbered[SCHEMA_EVENT][i]].name;
}

static int find_number(const struct qmp_schema *s, enum schema_sort sort, struct span name)
{
    int64_t element = schema_find(s, sort, name);
    return element < 0 ? -1 : (int)s->elements[element].number;
}

int qmp_schema_find_command(const struct qmp_schema *s, struct span name)
{
    return find_number(s, SCHEMA_COMMAND, name);
}

int qmp_schema_find_event(const struct qmp_schema *s, struct span name)
{
    return find_number(s, SCHEMA_EVENT, name);
}

/* --- output ----------------------------------------------------------------------------------- */

static bool shows_command(const struct qmp_schema_filter *f, unsigned i)
{
    return !f->command || f->command(f->opaque, i);
}

static bool shows_event(const struct qmp_schema_filter *f, unsigned i)
{
    return !f->event || f->event(f->opaque, i);
}

/* What is to be shown, and the elements whose types are still to be followed. */
struct reach {
    const struct qmp_schema *schema;
    bool *shown;
    uint32_t *todo;
    uint32_t n_todo;
};

static void show(struct reach *r, uint32_t element)
{
    if (r->shown[element])
        return;
    r->shown[element] = true;
    r->todo[r->n_todo++] = element;
}

static void follow_types(struct reach *r)
{
    const struct qmp_schema *s = r->schema;
    while (r->n_todo > 0) {
        const struct schema_element *e = &s->elements[r->todo[--r->n_todo]];
        for (uint32_t i = 0; i < e->n_refs; i++)
            show(r, s->refs[e->first_ref + i]);
    }
}

void qmp_schema_write_filtered(const struct qmp_schema *s, const struct qmp_schema_filter *f,
                               struct buf *out)
{
    CLEANUP_FREE bool *shown = MEM_NEW_N(bool, s->n_elements);
    CLEANUP_FREE uint32_t *todo = MEM_NEW_N(uint32_t, s->n_elements);
    struct reach r = { .schema = s, .shown = shown, .todo = todo };

    for (unsigned i = 0; i < qmp_schema_n_commands(s); i++) {
        if (shows_command(f, i))
            show(&r, s->numbered[SCHEMA_COMMAND][i]);
    }
    for (unsigned i = 0; i < qmp_schema_n_events(s); i++) {
        if (shows_event(f, i))
            show(&r, s->numbered[SCHEMA_EVENT][i]);
    }
    follow_types(&r);

    const char *separator = "[";
    for (uint32_t i = 0; i < s->n_elements; i++) {
        if (!shown[i])
            continue;
        buf_add_str(out, separator);
        buf_add_span(out, s->elements[i].text);
        separator = ",";
    }
    if (f->extra_schema.len) {
        buf_add_str(out, separator);
        buf_add_span(out, f->extra_schema);
        separator = ",";
    }
    buf_add_str(out, *separator == '[' ? "[]" : "]");
}

void qmp_schema_write_commands(const struct qmp_schema *s, const struct qmp_schema_filter *f,
                               struct buf *out)
{
    const char *separator = "[";
    for (unsigned i = 0; i < qmp_schema_n_commands(s); i++) {
        if (!shows_command(f, i))
            continue;
        buf_add_str(out, separator);
        BUF_ADD_LIT(out, "{\"name\":");
        buf_add_json_string(out, s->commands[i].name, strlen(s->commands[i].name));
        buf_add_char(out, '}');
        separator = ",";
    }
    if (f->extra_commands.len) {
        buf_add_str(out, separator);
        buf_add_span(out, f->extra_commands);
        separator = ",";
    }
    buf_add_str(out, *separator == '[' ? "[]" : "]");
}
