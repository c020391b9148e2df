#include "config.h"
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/mem.h"
#include "conf/loader.h"

/* The text of a wrong file may be wrong in every line; nobody reads more than these. */
#define COMPLAINTS_MAX 200u

void loader_complain(struct loader *l, unsigned line, const char *fmt, ...)
{
    if (l->n_complaints == COMPLAINTS_MAX)
        return;
    struct error sentence;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence.text, sizeof(sentence.text), fmt, ap);
    va_end(ap);
    for (char *p = sentence.text; *p; p++) { /* a name may hold anything; a report is one line */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    mem_grow((void **)&l->complaints, &l->complaints_cap, l->n_complaints + 1,
             sizeof(*l->complaints));
    l->complaints[l->n_complaints++] =
        (struct loader_complaint){ .line = line, .sentence = mem_strdup(sentence.text) };
}

/* Stable: two of one line stay as they came. */
static void sort_complaints(struct loader *l)
{
    struct loader_complaint *all = l->complaints;
    for (size_t i = 1; i < l->n_complaints; i++) {
        struct loader_complaint c = all[i];
        size_t k = i;
        for (; k > 0 && all[k - 1].line > c.line; k--)
            all[k] = all[k - 1];
        all[k] = c;
    }
}

static void tell_complaints(struct loader *l)
{
    sort_complaints(l);
    for (size_t i = 0; i < l->n_complaints; i++) {
        const struct loader_complaint *c = &l->complaints[i];
        CLEANUP_FREE char *text = mem_printf("%s:%u: %s", l->name, c->line, c->sentence);
        if (l->report)
            l->report(l->opaque, text);
        free(c->sentence);
    }
    free(l->complaints);
}

/* Where the file is, as an absolute path: the daemon may change its directory later. */
static char *directory_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    CLEANUP_FREE char *dir = slash ? mem_strndup(file, (size_t)(slash - file)) : mem_strdup("");
    if (*file == '/')
        return TAKE_PTR(dir);
    CLEANUP_FREE char *here = getcwd(NULL, 0);
    const char *base = here && strcmp(here, "/") != 0 ? here : "";
    return mem_printf("%s%s%s", base, *dir ? "/" : "", dir);
}

/* cfgtext's reports take their places among the others. */
static void take_report(void *opaque, const char *report)
{
    struct loader *l = opaque;
    char *rest = NULL;
    unsigned long line = strtoul(report + strlen(l->name) + 1, &rest, 10);
    loader_complain(l, (unsigned)line, "%s", rest + strlen(": "));
}

/* Where an option outside of all sections stands; 1 if nowhere. */
static unsigned line_of(const struct cfgtext *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!t->items[i].parent && strcmp(t->items[i].name, name) == 0)
            return t->items[i].line;
    }
    return 1;
}

static void load(struct loader *l, const char *text, size_t len)
{
    l->directory = directory_of(l->name);
    int rc = cfgtext_read_on(l->name, text, len, take_report, l, &l->text);
    if (rc < 0 && !l->text)
        return;
    l->places = MEM_NEW_N(enum conf_section_id, l->text->n + 1);
    l->conf = MEM_NEW(struct conf);
    l->conf->refs = 1;
    l->conf->file = mem_strdup(l->name);
    l->conf->policy_line = line_of(l->text, "policy");
    l->conf->policy_shadow_line = line_of(l->text, "policy_shadow");
    loader_check_outline(l);
    loader_read(l);
    loader_check_whole(l);
}

static void free_loader(struct loader *l)
{
    conf_unref(l->conf);
    cfgtext_free(l->text);
    free(l->places);
    free(l->directory);
}

int conf_parse(const char *name, const char *text, size_t len, conf_report_fn *report, void *opaque,
               struct conf **out)
{
    struct loader l = { .name = name, .report = report, .opaque = opaque };
    load(&l, text, len);
    *out = l.n_complaints ? NULL : TAKE_PTR(l.conf);
    tell_complaints(&l);
    free_loader(&l);
    return *out ? 0 : ERROR_INVALID;
}

static int read_file(const char *file, struct buf *out, struct error *err)
{
    CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "cannot be read");
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "is not a regular file");
    for (;;) {
        if (buf_len(out) > CONF_FILE_BYTES_MAX)
            return error_set(err, ERROR_LIMIT, "is longer than %u bytes", CONF_FILE_BYTES_MAX);
        ssize_t n = read(fd, buf_reserve(out, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, "cannot be read");
        if (n == 0)
            return 0;
        buf_commit(out, (size_t)n);
    }
}

int conf_load(const char *file, conf_report_fn *report, void *opaque, struct conf **out)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct error err;
    int rc = read_file(file, &text, &err);
    *out = NULL;
    if (rc < 0) {
        CLEANUP_FREE char *line = mem_printf("%s:1: the file %s", file, err.text);
        if (report)
            report(opaque, line);
        return rc;
    }
    return conf_parse(file, buf_len(&text) ? buf_data(&text) : "", buf_len(&text), report, opaque,
                      out);
}

char *conf_policy_of(const char *file, unsigned *line)
{
    CLEANUP_BUF struct buf text = { 0 };
    if (read_file(file, &text, NULL) < 0)
        return NULL;
    struct loader l = { .name = file };
    load(&l, buf_len(&text) ? buf_data(&text) : "", buf_len(&text));
    char *policy = l.conf ? mem_strdup(l.conf->policy) : NULL;
    *line = l.conf ? l.conf->policy_line : 1;
    tell_complaints(&l);
    free_loader(&l);
    return policy;
}
