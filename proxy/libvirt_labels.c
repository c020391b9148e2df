#include "config.h"
#include "proxy/libvirt_labels.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "conf/form.h"

#define WHITE " \t\r\n"

void libvirt_labels_free(struct conf_labels *labels)
{
    for (size_t i = 0; i < labels->n; i++)
        free(labels->items[i]);
    free(labels->items);
    *labels = (struct conf_labels){ 0 };
}

static void append(struct conf_labels *labels, const char *label)
{
    labels->items = mem_realloc_array(labels->items, labels->n + 1, sizeof(*labels->items));
    labels->items[labels->n++] = mem_strdup(label);
}

static bool has_key_of(const struct conf_labels *labels, const char *label)
{
    size_t key = strcspn(label, "=") + 1;
    for (size_t i = 0; i < labels->n; i++) {
        if (strncmp(labels->items[i], label, key) == 0)
            return true;
    }
    return false;
}

void libvirt_labels_add(struct conf_labels *to, const struct conf_labels *more)
{
    for (size_t i = 0; i < more->n; i++) {
        if (!has_key_of(to, more->items[i]))
            append(to, more->items[i]);
    }
}

static void remove_key(struct conf_labels *labels, const char *label)
{
    size_t key = strcspn(label, "=") + 1;
    for (size_t i = labels->n; i-- > 0;) {
        if (strncmp(labels->items[i], label, key) != 0)
            continue;
        free(labels->items[i]);
        memmove(labels->items + i, labels->items + i + 1,
                (--labels->n - i) * sizeof(*labels->items));
    }
}

int libvirt_labels_change(struct conf_labels *labels, const char *change, struct error *err)
{
    CLEANUP_FREE char *without = NULL;
    size_t len = strlen(change);
    bool removes = len > 0 && strchr(change, '=') == change + len - 1;
    if (removes) /* a key has the form that it has with a value */
        without = mem_printf("%sx", change);
    int rc = conf_form_label(removes ? without : change, err);
    if (rc < 0)
        return rc;
    remove_key(labels, change);
    if (!removes)
        append(labels, change);
    return 0;
}

/* --- the element ------------------------------------------------------------------------------ */

/* The text between <labels> and </labels>, which has to be all there is. */
static int find_text(const char *xml, struct span *out, struct error *err)
{
    static const char begin[] = "<labels>", end[] = "</labels>";
    xml += strspn(xml, WHITE);
    size_t len = strlen(xml);
    while (len > 0 && strchr(WHITE, xml[len - 1]))
        len--;
    if (len == strlen("<labels/>") && strncmp(xml, "<labels/>", len) == 0) {
        *out = (struct span){ "", 0 };
        return 0;
    }
    if (len < strlen(begin) + strlen(end) || strncmp(xml, begin, strlen(begin)) != 0 ||
        strncmp(xml + len - strlen(end), end, strlen(end)) != 0)
        return error_set(err, ERROR_INVALID, "must be <labels> without attributes");
    *out = (struct span){ xml + strlen(begin), len - strlen(begin) - strlen(end) };
    return 0;
}

/* One character of the text; its bytes. 0: nothing that may be there. */
static size_t read_character(const char *p, size_t len, char *out)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {
        { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' }
    };
    *out = *p;
    if (*p == '<')
        return 0;
    if (*p != '&')
        return 1;
    for (size_t i = 0; i < sizeof(entities) / sizeof(*entities); i++) {
        size_t n = strlen(entities[i].name);
        *out = entities[i].c;
        if (n <= len && memcmp(p, entities[i].name, n) == 0)
            return n;
    }
    return 0;
}

static int decode(struct span text, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < text.len;) {
        char c;
        size_t n = read_character(text.data + i, text.len - i, &c);
        if (n == 0)
            return error_set(err, ERROR_INVALID,
                             "must hold nothing but text (and &lt; &gt; &amp; &quot; &apos;)");
        buf_add_char(out, c);
        i += n;
    }
    buf_add_char(out, '\0');
    return 0;
}

static int add_line(struct conf_labels *labels, char *line, struct error *err)
{
    line += strspn(line, WHITE);
    size_t len = strlen(line);
    while (len > 0 && strchr(WHITE, line[len - 1]))
        line[--len] = '\0';
    if (len == 0)
        return 0;
    if (labels->n == LIBVIRT_LABELS_MAX)
        return error_set(err, ERROR_LIMIT, "has more than %u labels", LIBVIRT_LABELS_MAX);
    if (conf_form_label(line, err) < 0)
        return ERROR_INVALID;
    if (has_key_of(labels, line))
        return error_set(err, ERROR_INVALID, "has two values for one key");
    append(labels, line);
    return 0;
}

int libvirt_labels_parse(const char *xml, struct conf_labels *out, struct error *err)
{
    struct span text = { 0 };
    CLEANUP_BUF struct buf plain = { 0 };
    struct conf_labels labels = { 0 };
    *out = labels;
    if (strlen(xml) > LIBVIRT_LABELS_BYTES)
        return error_set(err, ERROR_LIMIT, "is longer than %u bytes", LIBVIRT_LABELS_BYTES);
    int rc = find_text(xml, &text, err);
    if (rc == 0)
        rc = decode(text, &plain, err);
    char *save = NULL, *line = rc == 0 ? strtok_r(buf_data(&plain), "\n", &save) : NULL;
    for (; line && rc == 0; line = strtok_r(NULL, "\n", &save))
        rc = add_line(&labels, line, err);
    if (rc < 0)
        libvirt_labels_free(&labels);
    *out = labels;
    return rc;
}

static void add_escaped(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '<':
            BUF_ADD_LIT(out, "&lt;");
            break;
        case '>':
            BUF_ADD_LIT(out, "&gt;");
            break;
        case '&':
            BUF_ADD_LIT(out, "&amp;");
            break;
        default:
            buf_add_char(out, *p);
        }
    }
}

static bool same(const struct conf_labels *a, const struct conf_labels *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = strcmp(a->items[i], b->items[i]) == 0;
    return equal;
}

int libvirt_labels_format(const struct conf_labels *labels, struct buf *out, struct error *err)
{
    struct conf_labels read;
    BUF_ADD_LIT(out, "<labels>");
    for (size_t i = 0; i < labels->n; i++) {
        if (i > 0)
            buf_add_char(out, '\n');
        add_escaped(out, labels->items[i]);
    }
    BUF_ADD_LIT(out, "</labels>");
    buf_add_char(out, '\0');
    int rc = libvirt_labels_parse(buf_data(out), &read, err);
    if (rc == 0 && !same(labels, &read))
        rc = error_set(err, ERROR_INVALID, "would not be read as they are: white space at an end");
    libvirt_labels_free(&read);
    return rc;
}
