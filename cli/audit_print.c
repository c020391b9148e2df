#include "config.h"
#include "cli/audit_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"

/* --- pieces ----------------------------------------------------------------------------------- */

/* Control characters become \uHHHH. */
static void add_safe(struct buf *out, const struct buf *text)
{
    CLEANUP_FREE char *copy = mem_strndup(buf_len(text) ? buf_data(text) : "", buf_len(text));
    /* a NUL ends what the terminal gets; there is none in what the gateway writes down */
    output_add_text(out, copy);
}

void audit_print_text(struct buf *out, const struct audit_record_view *v, enum audit_member m)
{
    CLEANUP_BUF struct buf text = { 0 };
    audit_view_text(v, m, &text);
    add_safe(out, &text);
}

void audit_print_who(struct buf *out, const struct audit_record_view *v)
{
    audit_print_text(out, v, AUDIT_MEMBER_IDENTITY);
    if (v->at[AUDIT_MEMBER_ACTING_FOR].len) {
        BUF_ADD_LIT(out, " for ");
        audit_print_text(out, v, AUDIT_MEMBER_ACTING_FOR);
    }
}

void audit_print_latency(struct buf *out, uint64_t us)
{
    if (us < 1000000)
        buf_printf(out, "%" PRIu64 ".%03" PRIu64 " ms", us / 1000, us % 1000);
    else
        buf_printf(out, "%" PRIu64 ".%03" PRIu64 " s", us / 1000000, us / 1000 % 1000);
}

/* --- CSV -------------------------------------------------------------------------------------- */

void audit_print_csv_field(struct buf *out, const char *text, size_t len)
{
    bool formula = len > 0 && memchr("=+-@\t\r", text[0], 6);
    if (!formula && (len == 0 || (!memchr(text, ',', len) && !memchr(text, '"', len) &&
                                  !memchr(text, '\n', len) && !memchr(text, '\r', len) &&
                                  !memchr(text, ';', len) && text[0] != ' '))) {
        buf_add(out, text, len);
        return;
    }
    buf_add_char(out, '"');
    if (formula)
        buf_add_char(out, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text[i]);
    }
    buf_add_char(out, '"');
}

static void add_csv_row(struct buf *out, const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf field = { 0 };
    buf_add_uint(out, v->seq);
    for (size_t m = 0; m < AUDIT_N_MEMBERS; m++) {
        buf_clear(&field);
        audit_print_text(&field, v, (enum audit_member)m);
        buf_add_char(out, ',');
        audit_print_csv_field(out, buf_len(&field) ? buf_data(&field) : "", buf_len(&field));
    }
    BUF_ADD_LIT(out, "\r\n");
}

static void add_csv_head(struct buf *out)
{
    buf_add_str(out, "record");
    for (size_t m = 0; m < AUDIT_N_MEMBERS; m++) {
        buf_add_char(out, ',');
        buf_add_str(out, audit_member_name((enum audit_member)m));
    }
    BUF_ADD_LIT(out, "\r\n");
}

/* --- the table -------------------------------------------------------------------------------- */

/* Records come one by one, so widths are fixed; what is longer pushes the rest of its line. */
enum {
    WIDTH_TIME = 23,
    WIDTH_RECORD = 8,
    WIDTH_TYPE = 13,
    WIDTH_CONNECTION = 6,
    WIDTH_WHO = 26,
    WIDTH_VM = 12,
    WIDTH_COMMAND = 24,
    WIDTH_RESULT = 9
};

static void pad(struct buf *out, size_t start, size_t width)
{
    size_t n = 0;
    for (size_t i = start; i < buf_len(out); i++)
        n += ((unsigned char)buf_data(out)[i] & 0xc0) != 0x80;
    if (n == 0) {
        buf_add_char(out, '-');
        n = 1;
    }
    do {
        buf_add_char(out, ' ');
    } while (n++ < width);
}

static enum output_paint paint_of(const struct audit_record_view *v)
{
    if (audit_view_is(v, AUDIT_MEMBER_RESULT, "denied") ||
        audit_view_is(v, AUDIT_MEMBER_RESULT, "error") ||
        audit_view_is(v, AUDIT_MEMBER_RESULT, "unknown"))
        return PAINT_ERROR;
    return v->at[AUDIT_MEMBER_RESULT].len ? PAINT_STRING : PAINT_FAINT;
}

static void add_result(struct buf *out, const struct output *o, const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf word = { 0 };
    audit_print_text(&word, v, AUDIT_MEMBER_RESULT);
    size_t len = buf_len(&word) ? buf_len(&word) : 1;
    buf_add_str(&word, buf_len(&word) ? "" : "-");
    buf_add_char(&word, '\0');
    output_add_painted(o, out, paint_of(v), buf_data(&word));
    do {
        buf_add_char(out, ' ');
    } while (len++ < WIDTH_RESULT);
}

static void add_part(struct buf *out, const char *before, const struct audit_record_view *v,
                     enum audit_member m)
{
    if (!v->at[m].len)
        return;
    buf_add_str(out, buf_len(out) ? "  " : "");
    buf_add_str(out, before);
    audit_print_text(out, v, m);
}

/* What there is to say besides. */
static void add_detail(struct buf *out, const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf detail = { 0 };
    if (v->at[AUDIT_MEMBER_LATENCY].len)
        audit_print_latency(&detail, audit_view_number(v, AUDIT_MEMBER_LATENCY));
    add_part(&detail, "", v, AUDIT_MEMBER_CODE);
    add_part(&detail, "", v, AUDIT_MEMBER_ERROR_CLASS);
    add_part(&detail, "", v, AUDIT_MEMBER_TEXT);
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "session-open"))
        add_part(&detail, "from ", v, AUDIT_MEMBER_PEER);
    add_part(&detail, "", v, AUDIT_MEMBER_ARGUMENTS);
    add_part(&detail, "", v, AUDIT_MEMBER_SHAPE);
    if (!audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome"))
        add_part(&detail, "by rule ", v, AUDIT_MEMBER_RULE);
    buf_add(out, buf_data(&detail), buf_len(&detail));
}

static void add_table_row(struct buf *out, const struct output *o,
                          const struct audit_record_view *v)
{
    static const struct {
        enum audit_member member;
        size_t width;
    } columns[] = {
        { AUDIT_MEMBER_TYPE, WIDTH_TYPE },       { AUDIT_MEMBER_CONNECTION, WIDTH_CONNECTION },
        { AUDIT_MEMBER_IDENTITY, WIDTH_WHO },    { AUDIT_MEMBER_VM, WIDTH_VM },
        { AUDIT_MEMBER_COMMAND, WIDTH_COMMAND },
    };
    char time[CLOCK_UTC_TEXT];
    clock_format_utc(v->utc_us, time);
    buf_printf(out, "%.10s %.12s %-*" PRIu64 " ", time, time + 11, WIDTH_RECORD, v->seq);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        size_t start = buf_len(out);
        if (columns[i].member == AUDIT_MEMBER_IDENTITY)
            audit_print_who(out, v);
        else
            audit_print_text(out, v, columns[i].member);
        pad(out, start, columns[i].width);
    }
    add_result(out, o, v);
    add_detail(out, v);
    while (buf_len(out) > 0 && buf_data(out)[buf_len(out) - 1] == ' ')
        buf_truncate(out, buf_len(out) - 1);
    buf_add_char(out, '\n');
}

static void add_table_head(struct buf *out, const struct output *o)
{
    CLEANUP_FREE char *head = mem_printf(
        "%-*s %-*s %-*s %-*s %-*s %-*s %-*s %-*s %s", WIDTH_TIME, "TIME (UTC)", WIDTH_RECORD,
        "RECORD", WIDTH_TYPE, "TYPE", WIDTH_CONNECTION, "CONN", WIDTH_WHO, "WHO", WIDTH_VM, "VM",
        WIDTH_COMMAND, "COMMAND", WIDTH_RESULT, "RESULT", "DETAIL");
    output_add_painted(o, out, PAINT_FAINT, head);
    buf_add_char(out, '\n');
}

/* --- all -------------------------------------------------------------------------------------- */

void audit_print_head(enum audit_format format, const struct output *o)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (format == AUDIT_FORMAT_CSV)
        add_csv_head(&out);
    else if (format == AUDIT_FORMAT_TABLE)
        add_table_head(&out, o);
    if (buf_len(&out) > 0)
        fwrite(buf_data(&out), 1, buf_len(&out), stdout);
}

void audit_print_record(enum audit_format format, const struct output *o,
                        const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf out = { 0 };
    switch (format) {
    case AUDIT_FORMAT_JSON:
        buf_add_span(&out, v->line); /* printable, or it were no record */
        break;
    case AUDIT_FORMAT_CSV:
        add_csv_row(&out, v);
        break;
    case AUDIT_FORMAT_TABLE:
        add_table_row(&out, o, v);
        break;
    }
    if (buf_len(&out) > 0)
        fwrite(buf_data(&out), 1, buf_len(&out), stdout);
}
