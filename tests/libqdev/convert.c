/* convert: libqdev, told what to do by lines of standard input: KIND FROM TO TEXT, where KIND is an
 * option ("-device") and FROM and TO are argv, json, qmp or libvirt. Each is answered by a line:
 * "ok TEXT" or "error KIND TEXT", the text as a JSON string. */
#include "config.h"

#include <qdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

static enum qdev_kind kind_of(const char *option)
{
    for (int kind = 1; qdev_option((enum qdev_kind)kind); kind++) {
        if (strcmp(qdev_option((enum qdev_kind)kind), option) == 0)
            return (enum qdev_kind)kind;
    }
    return QDEV_KIND_UNKNOWN;
}

static struct qdev *read_libvirt(const char *text, struct qdev_error **err)
{
    struct qdev **items, *first;
    size_t n;
    if (qdev_from_libvirt(text, &items, &n, err) < 0)
        return NULL;
    first = n ? qdev_clone(items[0]) : NULL;
    qdev_array_free(items, n);
    return first;
}

static struct qdev *read_from(const char *from, enum qdev_kind kind, const char *text,
                              struct qdev_error **err)
{
    if (strcmp(from, "argv") == 0)
        return qdev_from_argv(kind, text, err);
    if (strcmp(from, "json") == 0)
        return qdev_from_json(kind, text, err);
    return strcmp(from, "qmp") == 0 ? qdev_from_qmp(kind, text, err) : read_libvirt(text, err);
}

static char *write_to(const char *to, const struct qdev *q, struct qdev_error **err)
{
    if (strcmp(to, "argv") == 0)
        return qdev_to_argv(q, err);
    if (strcmp(to, "json") == 0)
        return qdev_to_json(q, err);
    return strcmp(to, "qmp") == 0 ? qdev_to_qmp(q, 0, err) : qdev_to_libvirt(&q, 1, err);
}

static void say(const char *what, const char *text)
{
    struct buf line = { 0 };
    buf_add_str(&line, what);
    buf_add_json_string(&line, text, strlen(text));
    buf_add_char(&line, '\0');
    puts(buf_data(&line));
    fflush(stdout);
    buf_free(&line);
}

static void convert(const char *option, const char *from, const char *to, const char *text)
{
    struct qdev_error *err = NULL;
    struct qdev *q = read_from(from, kind_of(option), text, &err);
    char *written = q ? write_to(to, q, &err) : NULL;
    char what[32] = "ok ";
    if (err)
        snprintf(what, sizeof(what), "error %d ", (int)qdev_error_kind(err));
    say(what, written ? written : err ? qdev_error_text(err) : "");
    free(written);
    qdev_free(q);
    qdev_error_free(err);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        char option[32], from[16], to[16];
        int begin = 0;
        line[n - 1] = '\0';
        if (sscanf(line, "%31s %15s %15s %n", option, from, to, &begin) < 3 || begin == 0)
            return 2;
        convert(option, from, to, line + begin);
    }
    free(line);
    return 0;
}
