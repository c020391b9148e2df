#include "config.h"
#include "audit/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "audit/lines.h"
#include "audit/members.h"
#include "base/mem.h"

#define LOOK_AT (256u << 10) /* bytes in which a log has a record */
#define SUFFIX  ".jsonl"

void audit_segments_clear(struct audit_segments *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->at[i].path);
    for (size_t i = 0; i < s->n_strangers; i++)
        free(s->strangers[i].path);
    free(s->at);
    free(s->strangers);
    *s = (struct audit_segments){ 0 };
}

/* --- one file --------------------------------------------------------------------------------- */

static void take_first_line(struct audit_segment *g, struct span line)
{
    struct span type = member_find(line, "type");
    uint64_t number;
    if (type.len == strlen("\"segment\"") && memcmp(type.data, "\"segment\"", type.len) == 0 &&
        member_number(member_find(line, "segment"), &number))
        g->number = number;
}

/* The first record, if one is near the file's beginning. */
static int look_inside(struct audit_segment *g, struct audit_source *source, struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct span line;
    int rc = 0;
    line_reader_init(&r, source, 0);
    r.block = AUDIT_LINE_MAX / 8; /* most are found in the first piece */
    while (r.offset < LOOK_AT && (rc = line_reader_next(&r, &line, err)) > 0) {
        if (line_parse_head(line, &g->first_seq, &g->first_us)) {
            take_first_line(g, line);
            return 0;
        }
        g->first_seq = 0;
        g->blemished = true;
    }
    g->damaged = rc == ERROR_INVALID;
    return rc == ERROR_SYSTEM ? rc : 0; /* what it holds is not what went wrong */
}

static int look_at(struct audit_segment *g, const char *path, bool follow, struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    *g = (struct audit_segment){ 0 };
    int rc = audit_source_open(path, follow, &source, err);
    if (rc < 0)
        return rc;
    const struct stat *st = audit_source_stat(source);
    g->size = (uint64_t)st->st_size;
    g->dev = st->st_dev;
    g->ino = st->st_ino;
    g->written = st->st_mtim;
    g->compressed = audit_source_is_compressed(source);
    return look_inside(g, source, err);
}

static void add(struct audit_segments *s, const struct audit_segment *g, const char *path)
{
    void *at = s->at;
    mem_grow(&at, &s->cap, s->n + 1, sizeof(*s->at));
    s->at = at;
    s->at[s->n] = *g;
    s->at[s->n++].path = mem_strdup(path);
}

static void add_stranger(struct audit_segments *s, const char *path, bool has_records)
{
    void *at = s->strangers;
    mem_grow(&at, &s->cap_strangers, s->n_strangers + 1, sizeof(*s->strangers));
    s->strangers = at;
    s->strangers[s->n_strangers++] = (struct audit_stranger){ mem_strdup(path), has_records };
}

/* --- a directory ------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool can_belong(const char *name, const char *log)
{
    if (name[0] == '.')
        return false;
    if (!log)
        return true;
    log = base_name(log);
    size_t len = strlen(log), suffix = strlen(SUFFIX);
    if (len > suffix && strcmp(log + len - suffix, SUFFIX) == 0)
        len -= suffix;
    return strncmp(name, log, len) == 0 &&
           (name[len] == '\0' || name[len] == '.' || name[len] == '-');
}

/* It went away, or it is nothing that a log could be. */
static bool may_pass_over(int rc)
{
    return rc == ERROR_INVALID ||
           (rc == ERROR_SYSTEM && (errno == ENOENT || errno == ELOOP || errno == ENXIO));
}

/* A compressed file is written once. */
static const struct audit_segment *find_known(const struct audit_segments *known, int directory,
                                              const char *name)
{
    struct stat st;
    if (!known || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    for (size_t i = 0; i < known->n; i++) {
        const struct audit_segment *g = &known->at[i];
        if (g->compressed && g->ino == st.st_ino && g->dev == st.st_dev &&
            g->size == (uint64_t)st.st_size && g->written.tv_sec == st.st_mtim.tv_sec &&
            g->written.tv_nsec == st.st_mtim.tv_nsec)
            return g;
    }
    return NULL;
}

int audit_segments_add_directory(struct audit_segments *s, const char *directory, const char *log,
                                 struct error *err)
{
    DIR *d = opendir(directory);
    if (!d)
        return error_set_errno(err, "%s", directory);
    int rc = 0;
    for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
        struct audit_segment g;
        if (!can_belong(e->d_name, log) || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN))
            continue;
        CLEANUP_FREE char *path = mem_printf("%s/%s", directory, e->d_name);
        const struct audit_segment *known = find_known(s->known, dirfd(d), e->d_name);
        rc = 0;
        if (known)
            g = *known;
        else
            rc = look_at(&g, path, false, err);
        if (rc == 0 && ((g.first_seq > 0 && !g.blemished) || g.damaged))
            add(s, &g, path);
        else if (rc == 0 || rc == ERROR_INVALID)
            add_stranger(s, path, rc == 0 && g.first_seq > 0);
        if (rc < 0 && may_pass_over(rc))
            rc = 0;
    }
    closedir(d);
    return rc;
}

int audit_segments_add_path(struct audit_segments *s, const char *path, struct error *err)
{
    struct stat st;
    struct audit_segment g;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return audit_segments_add_directory(s, path, NULL, err);
    int rc = look_at(&g, path, true, err);
    if (rc == 0)
        add(s, &g, path);
    return rc;
}

int audit_segments_of_log(struct audit_segments *s, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP_FREE char *directory =
        !slash ? mem_strdup(".") : mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int rc = audit_segments_add_directory(s, directory, path, err);
    if (rc == 0)
        audit_segments_sort(s);
    return rc;
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const struct audit_segment *x = a, *y = b;
    if (x->first_seq != y->first_seq)
        return x->first_seq > y->first_seq ? 1 : -1;
    if (x->compressed != y->compressed) /* the plain one is taken */
        return x->compressed ? 1 : -1;
    if (x->size != y->size) /* and of copies, the one that goes on */
        return x->size < y->size ? 1 : -1;
    return strcmp(x->path, y->path);
}

/* log.0000000007.jsonl and log.0000000007.jsonl.zst: made from it, and not yet removed. */
static bool is_twin(const struct audit_segment *plain, const struct audit_segment *packed)
{
    size_t len = strlen(plain->path);
    return plain->first_seq > 0 && plain->first_seq == packed->first_seq && !plain->compressed &&
           packed->compressed && strncmp(packed->path, plain->path, len) == 0 &&
           packed->path[len] == '.' && !strchr(packed->path + len, '/');
}

void audit_segments_sort(struct audit_segments *s)
{
    if (s->n > 1)
        qsort(s->at, s->n, sizeof(*s->at), compare);
    if (s->n > 0)
        s->at[0].twin = false;
    for (size_t i = 1; i < s->n; i++)
        s->at[i].twin = !s->at[i - 1].twin && is_twin(&s->at[i - 1], &s->at[i]);
}

const struct audit_segment *audit_segments_find(const struct audit_segments *s, uint64_t seq)
{
    const struct audit_segment *found = NULL;
    for (size_t i = 0; i < s->n && s->at[i].first_seq <= seq; i++)
        if (!s->at[i].twin && s->at[i].first_seq > 0 &&
            (!found || s->at[i].first_seq > found->first_seq))
            found = &s->at[i];
    return found;
}

const struct audit_segment *audit_segments_first(const struct audit_segments *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].first_seq > 0)
            return &s->at[i];
    return NULL;
}
