/* An event as a line for people. */
#ifndef CLI_EVENT_LINE_H
#define CLI_EVENT_LINE_H

#include "cli/output.h"

/* "12:34:56.123 NAME {data}\n" in local time; the time is left out where the event has none. */
void event_line_add(const struct output *o, struct buf *out, struct json_object *event);

#endif
