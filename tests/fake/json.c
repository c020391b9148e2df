#include "config.h"
#include "tests/fake/json.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum fake_scan_status fake_scan_feed(struct fake_scan *scan, const char *data, size_t len)
{
    if (scan->offset == 0 && len > 0 && data[0] != '{')
        return FAKE_SCAN_JUNK;
    for (size_t i = scan->offset; i < len; i++) {
        char c = data[i];
        if (scan->in_string) {
            if (scan->escaped)
                scan->escaped = false;
            else if (c == '\\')
                scan->escaped = true;
            else if (c == '"')
                scan->in_string = false;
        } else if (c == '"') {
            scan->in_string = true;
        } else if (c == '{' || c == '[') {
            scan->depth++;
        } else if ((c == '}' || c == ']') && --scan->depth == 0) {
            scan->offset = i + 1;
            return FAKE_SCAN_OBJECT;
        }
    }
    scan->offset = len;
    return FAKE_SCAN_MORE;
}

/* --- parts of a text that is whole ------------------------------------------------------------ */

static size_t skip_space(struct span text, size_t at)
{
    while (at < text.len && is_space(text.data[at]))
        at++;
    return at;
}

static size_t skip_string(struct span text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++)
        at += text.data[at] == '\\';
    return at < text.len ? at + 1 : text.len;
}

/* Past the value that begins at `at`; `at` itself if there is none. */
static size_t skip_value(struct span text, size_t at)
{
    unsigned depth = 0;
    while (at < text.len) {
        char c = text.data[at];
        if (c == '"') {
            at = skip_string(text, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
            continue;
        } else if (depth > 0 && (c == '}' || c == ']')) {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
            continue;
        } else {
            while (at < text.len && !is_space(text.data[at]) && !strchr(",:]}", text.data[at]))
                at++;
        }
        if (depth == 0)
            break;
    }
    return at;
}

struct member {
    struct span name; /* without its quotes */
    struct span value;
};

/* The member at *at (1 for the first); false past the last one, or if what is there is no member.
 */
static bool next_member(struct span object, size_t *at, struct member *out)
{
    size_t i = skip_space(object, *at);
    if (i < object.len && object.data[i] == ',')
        i = skip_space(object, i + 1);
    if (i >= object.len || object.data[i] != '"') {
        *at = i;
        return false;
    }
    size_t end = skip_string(object, i);
    out->name = (struct span){ object.data + i + 1, end - i - 2 };
    i = skip_space(object, end);
    if (i >= object.len || object.data[i] != ':')
        return false;
    i = skip_space(object, i + 1);
    end = skip_value(object, i);
    out->value = (struct span){ object.data + i, end - i };
    *at = end;
    return end > i;
}

static bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

bool fake_request_parse(struct span text, struct fake_request *out)
{
    *out = (struct fake_request){ 0 };
    struct member m;
    size_t at = 1;
    while (next_member(text, &at, &m)) {
        if (span_is(m.name, "id")) {
            out->id = m.value;
        } else if (span_is(m.name, "arguments")) {
            out->arguments = m.value;
        } else if (m.value.data[0] == '"' && m.value.len >= 2) {
            out->oob = span_is(m.name, "exec-oob");
            if (out->oob || span_is(m.name, "execute"))
                out->execute = (struct span){ m.value.data + 1, m.value.len - 2 };
        }
    }
    return at + 1 == text.len;
}

struct span fake_json_find(struct span object, const char *name)
{
    struct member m;
    for (size_t at = 1; next_member(object, &at, &m);)
        if (span_is(m.name, name))
            return m.value;
    return (struct span){ NULL, 0 };
}

bool fake_json_next(struct span array, size_t *at, struct span *element)
{
    size_t i = skip_space(array, *at ? *at : 1);
    if (i < array.len && array.data[i] == ',')
        i = skip_space(array, i + 1);
    size_t end = skip_value(array, i);
    *element = (struct span){ array.data + i, end - i };
    *at = end;
    return end > i;
}

void fake_json_write(struct buf *out, struct span value)
{
    for (size_t i = 0; i < value.len;) {
        char c = value.data[i];
        size_t end = i + 1;
        if (c == '"')
            end = skip_string(value, i);
        if (!is_space(c))
            buf_add(out, value.data + i, end - i);
        if (c == ',' || c == ':')
            buf_add_char(out, ' ');
        i = end;
    }
}
