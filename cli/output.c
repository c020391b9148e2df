#include "config.h"
#include "cli/output.h"

#include <json-c/json.h>
#include <string.h>
#include <wchar.h>
#include "base/mem.h"

#define CELL_MAX 160 /* columns of a table's cell; the last column has no bound */

static const char *const paint_codes[] = {
    [PAINT_NONE] = "",           [PAINT_KEY] = "\033[34m",  [PAINT_STRING] = "\033[32m",
    [PAINT_SCALAR] = "\033[36m", [PAINT_FAINT] = "\033[2m", [PAINT_ERROR] = "\033[31m",
};
#define PAINT_END "\033[0m"

/* --- characters ------------------------------------------------------------------------------- */

/* Bytes of the character at p that could act on a terminal, and its code; 0 if it is harmless. C1
 * controls and the bidirectional overrides are two and three bytes of UTF-8. */
static size_t dangerous(const unsigned char *p, unsigned *code)
{
    if (p[0] < 0x20 || p[0] == 0x7f) {
        *code = p[0];
        return 1;
    }
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
        *code = p[1];
        return 2;
    }
    if (p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                         (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9))) {
        *code = 0x2000u + ((p[1] & 1u) << 6) + (p[2] & 0x3fu);
        return 3;
    }
    return 0;
}

static void add_safe(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned code = 0;
        size_t n = dangerous((const unsigned char *)text + i, &code);
        if (n == 0) {
            buf_add_char(out, text[i++]);
        } else {
            buf_printf(out, "\\u%04x", code);
            i += n;
        }
    }
}

void output_add_text(struct buf *out, const char *text)
{
    add_safe(out, text, strlen(text));
}

static void add_painted_span(const struct output *o, struct buf *out, enum output_paint paint,
                             const char *text, size_t len)
{
    bool painted = o->color && paint != PAINT_NONE;
    if (painted)
        buf_add_str(out, paint_codes[paint]);
    add_safe(out, text, len);
    if (painted)
        buf_add_str(out, PAINT_END);
}

void output_add_painted(const struct output *o, struct buf *out, enum output_paint paint,
                        const char *text)
{
    if (o->color && paint != PAINT_NONE)
        buf_add_str(out, paint_codes[paint]);
    output_add_text(out, text);
    if (o->color && paint != PAINT_NONE)
        buf_add_str(out, PAINT_END);
}

/* --- documents -------------------------------------------------------------------------------- */

/* The length of the string, number or word that begins here. */
static size_t token_length(const char *p)
{
    size_t n = 1;
    if (*p != '"')
        return n + strcspn(p + 1, ",:]} \n");
    for (; p[n] && p[n] != '"'; n++)
        if (p[n] == '\\' && p[n + 1])
            n++;
    return p[n] ? n + 1 : n;
}

/* The length of an empty object or list, which json-c spreads over two lines; 0 if it is not empty.
 */
static size_t empty_container(const char *p)
{
    size_t n = 1 + strspn(p + 1, " \n");
    return (p[0] == '{' && p[n] == '}') || (p[0] == '[' && p[n] == ']') ? n + 1 : 0;
}

/* Lays json-c's text over, token by token. */
static void add_json_text(const struct output *o, struct buf *out, const char *text)
{
    for (const char *p = text; *p;) {
        size_t n = empty_container(p);
        if (n > 0) {
            buf_add_str(out, *p == '{' ? "{}" : "[]");
            p += n;
            continue;
        }
        if (strchr("{}[],: \n", *p)) {
            buf_add_char(out, *p++);
            continue;
        }
        n = token_length(p);
        enum output_paint paint = PAINT_SCALAR;
        if (*p == '"')
            paint = p[n] == ':' ? PAINT_KEY : PAINT_STRING;
        add_painted_span(o, out, paint, p, n);
        p += n;
    }
}

static void add_document(const struct output *o, struct buf *out, struct json_object *doc,
                         int flags)
{
    add_json_text(o, out,
                  json_object_to_json_string_ext(doc, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void output_compact(const struct output *o, struct buf *out, struct json_object *doc)
{
    add_document(o, out, doc, JSON_C_TO_STRING_PLAIN);
}

void output_document(const struct output *o, FILE *to, struct json_object *doc)
{
    CLEANUP_BUF struct buf out = { 0 };
    int flags = JSON_C_TO_STRING_PLAIN;
    if (o->pretty)
        flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
    add_document(o, &out, doc, flags);
    buf_add_char(&out, '\n');
    fwrite(buf_data(&out), 1, buf_len(&out), to);
}

/* --- tables ----------------------------------------------------------------------------------- */

/* A member's value as a person reads it: a string bare, a list joined, nothing for what is absent.
 */
static void add_cell(struct buf *out, struct json_object *value)
{
    if (json_object_is_type(value, json_type_null))
        return;
    if (json_object_is_type(value, json_type_string)) {
        output_add_text(out, json_object_get_string(value));
        return;
    }
    if (!json_object_is_type(value, json_type_array)) {
        const struct output plain = { 0 };
        output_compact(&plain, out, value);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_cell(out, json_object_array_get_idx(value, i));
    }
}

/* Columns that the text takes: UTF-8 characters, which is right for all but wide scripts. */
static size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

static void cell_of(struct json_object *row, const struct output_column *column, struct buf *out)
{
    struct json_object *value = NULL;
    buf_clear(out);
    if (json_object_is_type(row, json_type_object) &&
        json_object_object_get_ex(row, column->member, &value))
        add_cell(out, value);
    if (buf_len(out) == 0)
        buf_add_char(out, '-');
}

static size_t column_width(struct json_object *list, const struct output_column *column)
{
    CLEANUP_BUF struct buf cell = { 0 };
    size_t width = strlen(column->title);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        cell_of(json_object_array_get_idx(list, i), column, &cell);
        size_t w = text_width(buf_data(&cell), buf_len(&cell));
        if (w > width)
            width = w < CELL_MAX ? w : CELL_MAX;
    }
    return width;
}

static void add_cell_text(struct buf *out, const char *text, size_t len, size_t width, bool last)
{
    buf_add(out, text, len);
    for (size_t w = text_width(text, len); !last && w < width + 2; w++)
        buf_add_char(out, ' ');
}

static void print_table(const struct output *o, FILE *to, struct json_object *list,
                        const struct output_column *columns, size_t n_columns)
{
    CLEANUP_BUF struct buf out = { 0 }, cell = { 0 };
    CLEANUP_FREE size_t *widths = MEM_NEW_N(size_t, n_columns);
    if (o->color)
        buf_add_str(&out, paint_codes[PAINT_FAINT]);
    for (size_t c = 0; c < n_columns; c++) {
        bool last = c + 1 == n_columns;
        widths[c] = last ? 0 : column_width(list, &columns[c]);
        add_cell_text(&out, columns[c].title, strlen(columns[c].title), widths[c], last);
    }
    if (o->color)
        buf_add_str(&out, PAINT_END);
    buf_add_char(&out, '\n');
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        for (size_t c = 0; c < n_columns; c++) {
            cell_of(json_object_array_get_idx(list, i), &columns[c], &cell);
            add_cell_text(&out, buf_data(&cell), buf_len(&cell), widths[c], c + 1 == n_columns);
        }
        buf_add_char(&out, '\n');
    }
    fwrite(buf_data(&out), 1, buf_len(&out), to);
}

void output_list(const struct output *o, FILE *to, struct json_object *list,
                 const struct output_column *columns, size_t n_columns, const char *empty)
{
    if (!json_object_is_type(list, json_type_array)) {
        output_document(o, to, list);
        return;
    }
    size_t n = json_object_array_length(list);
    if (o->pretty && n > 0)
        print_table(o, to, list, columns, n_columns);
    else if (o->pretty)
        fprintf(to, "%s\n", empty);
    for (size_t i = 0; i < n && !o->pretty; i++)
        output_document(o, to, json_object_array_get_idx(list, i));
}

void output_members(const struct output *o, FILE *to, struct json_object *object)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (!o->pretty || !json_object_is_type(object, json_type_object)) {
        output_document(o, to, object);
        return;
    }
    json_object_object_foreach(object, key, value)
    {
        output_add_painted(o, &out, PAINT_KEY, key);
        buf_add_str(&out, ": ");
        add_cell(&out, value);
        buf_add_char(&out, '\n');
    }
    if (buf_len(&out) > 0)
        fwrite(buf_data(&out), 1, buf_len(&out), to);
}
