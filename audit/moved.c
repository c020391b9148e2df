#include "config.h"
#include "audit/moved.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "audit/line.h"
#include "base/mem.h"

struct search {
    const struct audit_chain *known;
    bool first, follows;
};

/* Until the record is found that ties the file to what is known. */
static bool look_at_line(void *opaque, struct span line)
{
    struct search *s = opaque;
    struct segment_start start;
    struct line_ends ends;
    if (s->first)
        s->follows = segment_parse(line, &start) && segment_follows(&start, s->known);
    s->first = false;
    if (!line_parse_ends(line, &ends) || ends.seq > s->known->seq)
        return false;
    if (ends.seq == s->known->seq)
        s->follows = memcmp(ends.hash, s->known->hash, AUDIT_HASH_BYTES) == 0;
    return ends.seq < s->known->seq;
}

/* True if `file` goes further than `best`, and belongs to the chain. */
static bool is_better(const char *file, const struct audit_chain *known,
                      const struct audit_chain *best, struct audit_chain *end)
{
    struct error ignored; /* what is no log, or not ours, is somebody else's */
    struct stat st;
    uint64_t size;
    CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
        audit_check_owner(&st, file, &ignored) < 0 ||
        audit_find_line_start(fd, file, 0, (uint64_t)st.st_size, &size, &ignored) < 0 ||
        size == 0 || audit_read_last_line(fd, file, size, end, &ignored) < 0)
        return false;
    if (end->seq <= best->seq)
        return false;
    if (!known)
        return true;
    if (end->seq < known->seq)
        return false;
    struct search s = { .known = known, .first = true };
    return segment_each_line(fd, file, 0, size, look_at_line, &s, &ignored) == 0 && s.follows;
}

static int take_file(const char *file, struct moved_end *out, struct error *err)
{
    struct audit_file *f;
    int rc = audit_file_open(file, &f, &out->tail, err);
    if (rc < 0)
        return rc;
    out->found = true;
    rc = segment_find_facts(f->fd, file, f->offset, &out->facts, err);
    audit_file_free(f);
    return rc;
}

/* The best file that follows from `known`, or NULL; *best holds what it must go beyond, and then
 * its end. */
static int scan(const char *path, const struct audit_chain *known, struct audit_chain *best,
                char **best_file, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t directory_len = slash ? (size_t)(slash + 1 - path) : 0;
    const char *own = path + directory_len;
    size_t stem = segment_stem(path) - directory_len;
    CLEANUP_FREE char *directory = slash ? mem_strndup(path, directory_len) : mem_strdup(".");
    struct audit_chain end;

    *best_file = NULL;
    DIR *d = opendir(directory);
    if (!d)
        return error_set_errno(err, "directory %s", directory);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, own, stem) != 0 || strcmp(e->d_name, own) == 0 ||
            strstr(e->d_name + stem, ".torn."))
            continue;
        CLEANUP_FREE char *file = mem_printf("%.*s%s", (int)directory_len, path, e->d_name);
        if (is_better(file, known, best, &end)) {
            *best = end;
            free(*best_file);
            *best_file = TAKE_PTR(file);
        }
    }
    closedir(d);
    return 0;
}

int moved_find(const char *path, const struct audit_chain *known, struct moved_end *out,
               struct error *err)
{
    CLEANUP_FREE char *best_file = NULL;
    struct audit_chain best = { 0 }, from;
    *out = (struct moved_end){ 0 };
    for (;;) {
        char *file;
        int rc = scan(path, known, &best, &file, err);
        if (rc < 0)
            return rc;
        if (!file)
            break;
        free(best_file);
        best_file = file;
        from = best;
        known = &from;
    }
    return best_file ? take_file(best_file, out, err) : 0;
}
