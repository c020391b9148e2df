/* Writes messages. Requests that go to a VM are canonical: ASCII, no white space, strings by one
 * rule of escapes, numbers as the client wrote them, members in the client's order. */
#ifndef QMP_WRITE_H
#define QMP_WRITE_H

#include "base/buf.h"
#include "qmp/message.h"

enum qmp_error_class {
    QMP_ERROR_GENERIC,
    QMP_ERROR_COMMAND_NOT_FOUND,
    QMP_ERROR_DEVICE_NOT_ACTIVE,
    QMP_ERROR_DEVICE_NOT_FOUND,
    QMP_ERROR_KVM_MISSING_CAP,
};

const char *qmp_error_class_name(enum qmp_error_class c);

/* The value and all that is in it, canonical. */
void qmp_write_value(struct buf *b, const struct qmp_tape *t, uint32_t token);

/* The value as it was written, less white space between its parts: how an id goes back. */
void qmp_write_verbatim(struct buf *b, const struct qmp_tape *t, uint32_t token);

/* {"execute":"NAME","arguments":{...},"id":UPSTREAM_ID} CRLF-less: one line ended by a line feed.
 * UPSTREAM_ID 0: without an id, which spares QEMU seven bytes, of 3 us each. */
void qmp_write_request(struct buf *b, const struct qmp_tape *t, const struct qmp_request *r,
                       unsigned upstream_id);

/* Replies to clients as QEMU writes them, ended by CRLF. `id` is the raw text of the client's id,
 * of length 0 if it sent none. `value` is JSON text. */
void qmp_write_return(struct buf *b, struct span value, struct span id);
void qmp_write_error(struct buf *b, enum qmp_error_class c, struct span desc, struct span id);
/* The same with the error object's raw text as a VM wrote it. */
void qmp_write_error_object(struct buf *b, struct span object, struct span id);
/* {"timestamp": T, "event": NAME, "data": D}: raw texts; data may be of length 0. */
void qmp_write_event(struct buf *b, struct span timestamp, struct span name_json, struct span data);
/* An event of the gateway's own, timestamp from utc_us (microseconds since 1970). */
void qmp_write_gateway_event(struct buf *b, const char *name, struct span data, int64_t utc_us);

#endif
