/* strings < CATALOGUE: every string property of every device and object of a catalogue is given
 * every text that has a meaning to some parser, all of a driver at once, written in every form and
 * read back. It says how many values that were, or what came back otherwise. By the public library
 * alone. */
#include "config.h"

#include <qdev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
    "",
    "a",
    "a,b",
    ",",
    ",,",
    "a=b",
    "=",
    "\"",
    "'",
    "\\",
    "{",
    "[",
    "{\"a\":1}",
    "on",
    "off",
    "true",
    "null",
    "0",
    "-1",
    "0x10",
    "1K",
    "help",
    "?",
    " ",
    " a ",
    "a b",
    "\t",
    "<&>",
    "]]>",
    "&amp;",
    "${X}",
    "%s",
    "a\\,b",
    "id=x",
    "-device",
    "a,id=b",
    "json:{}",
    "\xc3\xa4\xf0\x9f\x92\xa1",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static size_t n_values;

static void fail(const char *form, const struct qdev *q, const char *what, struct qdev_error *err)
{
    printf("%s of %s: %s %s\n", form, qdev_type(q), what, err ? qdev_error_text(err) : "");
    exit(1);
}

static bool is_string(const struct qdev_property *p)
{
    const char *type = qdev_property_type(p);
    return strcmp(type, "str") == 0 || strcmp(type, "string") == 0 ||
           strncmp(type, "link<", 5) == 0;
}

/* Each of its string properties, with another text each round. */
static struct qdev *describe(enum qdev_kind kind, const struct qdev_driver *d, size_t round)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_new(kind, qdev_driver_name(d), "x0", &err);
    for (size_t i = 0; q && i < qdev_driver_count(d); i++) {
        const struct qdev_property *p = qdev_driver_at(d, i);
        if (is_string(p) && qdev_set_string(qdev_members(q), qdev_property_name(p),
                                            texts[(i + round) % N_TEXTS], &err) < 0)
            fail(qdev_property_name(p), q, "", err);
    }
    return q;
}

/* A command line does not tell types: the texts are what counts. */
static void compare(const char *form, const struct qdev *q, const struct qdev *back)
{
    const struct qdev_value *members = qdev_members_of(q), *others = qdev_members_of(back);
    if (qdev_value_count(members) != qdev_value_count(others))
        fail(form, q, "something went, or came", NULL);
    for (size_t i = 0; i < qdev_value_count(members); i++) {
        const struct qdev_value *v = qdev_value_at(members, i);
        const struct qdev_value *other = qdev_value_get(others, qdev_value_name(v));
        const char *text = other ? qdev_value_string(other) : NULL;
        if (!text || strcmp(text, qdev_value_string(v)) != 0)
            fail(form, q, qdev_value_name(v), NULL);
        n_values++;
    }
}

static struct qdev *from_libvirt(enum qdev_kind kind, const char *xml, struct qdev_error **err)
{
    struct qdev **items, *first;
    size_t n;
    if (qdev_from_libvirt(xml, &items, &n, err) < 0)
        return NULL;
    first = n == 1 && qdev_kind(items[0]) == kind ? qdev_clone(items[0]) : NULL;
    qdev_array_free(items, n);
    return first;
}

static char *to_qmp(const struct qdev *q, struct qdev_error **err)
{
    return qdev_to_qmp(q, 0, err);
}

static char *to_libvirt(const struct qdev *q, struct qdev_error **err)
{
    return qdev_to_libvirt(&q, 1, err);
}

static const struct form {
    const char *name;
    char *(*write)(const struct qdev *q, struct qdev_error **err);
    struct qdev *(*read)(enum qdev_kind kind, const char *text, struct qdev_error **err);
    bool typed;
} forms[] = {
    { "argv", qdev_to_argv, qdev_from_argv, false },
    { "json", qdev_to_json, qdev_from_json, true },
    { "qmp", to_qmp, qdev_from_qmp, true },
    { "libvirt", to_libvirt, from_libvirt, false },
};

static void go_round(const struct qdev *q)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct form *f = &forms[i];
        struct qdev_error *err = NULL;
        char *text = f->write(q, &err);
        struct qdev *back = text ? f->read(qdev_kind(q), text, &err) : NULL;
        if (!back)
            fail(f->name, q, text ? text : "", err);
        if (f->typed && !qdev_equal(q, back))
            fail(f->name, q, text, NULL);
        compare(f->name, q, back);
        free(text);
        qdev_free(back);
    }
}

static void try_all(const struct qdev_catalogue *c, enum qdev_kind kind)
{
    for (size_t i = 0; i < qdev_catalogue_count(c, kind); i++) {
        for (size_t round = 0; round < N_TEXTS; round++) {
            struct qdev *q = describe(kind, qdev_catalogue_at(c, kind, i), round);
            if (!q || qdev_value_count(qdev_members_of(q)) == 0)
                round = N_TEXTS; /* it has none */
            else
                go_round(q);
            qdev_free(q);
        }
    }
}

int main(void)
{
    char *text = NULL;
    size_t size = 0;
    struct qdev_error *err = NULL;
    if (getdelim(&text, &size, '\0', stdin) < 0)
        return 2;
    struct qdev_catalogue *c = qdev_catalogue_parse(text, &err);
    free(text);
    if (!c) {
        printf("%s\n", qdev_error_text(err));
        return 2;
    }
    try_all(c, QDEV_DEVICE);
    try_all(c, QDEV_OBJECT);
    qdev_catalogue_free(c);
    printf("%zu\n", n_values);
    return 0;
}
