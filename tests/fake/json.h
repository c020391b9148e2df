/* Just enough JSON for a monitor that answers but does not judge: where a message ends, and its
 * members. Nothing here is strict; the scanner of qmp/ is. */
#ifndef TESTS_FAKE_JSON_H
#define TESTS_FAKE_JSON_H

#include <stdbool.h>
#include "base/buf.h"

/* How far a message was looked at; zeroed memory is the start of one. */
struct fake_scan {
    size_t offset;
    unsigned depth;
    bool in_string;
    bool escaped;
};

enum fake_scan_status { FAKE_SCAN_MORE, FAKE_SCAN_OBJECT, FAKE_SCAN_JUNK };

/* Looks at data[0..len), of which the first scan->offset bytes were seen before. OBJECT:
 * scan->offset is the message's length. JUNK: it begins with no `{`. */
enum fake_scan_status fake_scan_feed(struct fake_scan *scan, const char *data, size_t len);

struct fake_request {
    struct span execute; /* the name, not decoded; of length 0: there is none */
    struct span id;      /* raw; of length 0: there is none */
    struct span arguments;
    bool oob;
};

/* False if the object is not made of members. Borrows the text. */
bool fake_request_parse(struct span text, struct fake_request *out);

/* The raw value of a member of an object, of length 0 if it has none. */
struct span fake_json_find(struct span object, const char *name);

/* Goes through an array: *at is 0 at first; false after the last element. */
bool fake_json_next(struct span array, size_t *at, struct span *element);

/* Writes a value with QEMU's white space: ", " and ": " and no more. */
void fake_json_write(struct buf *out, struct span value);

#endif
