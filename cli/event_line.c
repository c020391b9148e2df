#include "config.h"
#include "cli/event_line.h"

#include <json-c/json.h>
#include <time.h>
#include "cli/document.h"

/* QEMU writes -1 where it could not tell the time. */
static void add_time(const struct output *o, struct buf *out, struct json_object *event)
{
    struct json_object *timestamp, *seconds, *micros;
    struct tm tm;
    char day[32], text[64];
    if (!json_object_object_get_ex(event, "timestamp", &timestamp) ||
        !json_object_object_get_ex(timestamp, "seconds", &seconds) ||
        !json_object_object_get_ex(timestamp, "microseconds", &micros))
        return;
    time_t when = (time_t)json_object_get_int64(seconds);
    int64_t us = json_object_get_int64(micros);
    if (when < 0 || us < 0 || us > 999999 || !localtime_r(&when, &tm) ||
        strftime(day, sizeof(day), "%H:%M:%S", &tm) == 0)
        return;
    snprintf(text, sizeof(text), "%s.%03d", day, (int)(us / 1000));
    output_add_painted(o, out, PAINT_FAINT, text);
    buf_add_char(out, ' ');
}

void event_line_add(const struct output *o, struct buf *out, struct json_object *event)
{
    struct json_object *data;
    const char *name = document_string(event, "event");
    add_time(o, out, event);
    output_add_painted(o, out, PAINT_KEY, name ? name : "?");
    if (json_object_object_get_ex(event, "data", &data)) {
        buf_add_char(out, ' ');
        output_compact(o, out, data);
    }
    buf_add_char(out, '\n');
}
