/* What a monitor says to a session of libqmp that has three requests under way (ids 1 to 3; the
 * reply to the second is wanted no more). Checked besides memory: each reply is given out once at
 * most, and to who asked; a session that is lost takes nothing more; events are bounded. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <libqmp/events.h>
#include <libqmp/run-state.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/util.h"
#include "libqmp/session_internal.h"

#define INPUT_MAX (64u << 10) /* bytes; what the socket's buffer holds for sure */

static void submit(struct qmp_session *s)
{
    uint64_t id;
    struct qmp_msg *msg = qmp_msg_new();
    FUZZ_ASSERT(qmp_query_status_build(NULL, msg, NULL) == 0);
    FUZZ_ASSERT(qmp_session_submit(s, msg, &id, NULL) == 0);
    qmp_msg_free(msg);
}

static void take_all(struct qmp_session *s)
{
    bool seen[4] = { false };
    struct qmp_event *event;
    char *json;
    for (uint64_t id = 0; qmp_session_take_reply(s, &id, &json) == 1; id = 0) {
        FUZZ_ASSERT(id >= 1 && id <= 3 && id != 2 && !seen[id]);
        seen[id] = true;
        free(json);
    }
    FUZZ_ASSERT(s->n_events <= LIMIT_API_EVENTS);
    while (qmp_session_wait_event(s, 0, &event, NULL) == 1)
        qmp_event_free(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    if (size > INPUT_MAX)
        return 0;
    FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    struct qmp_session *s = session_new(stream_new_plain(fds[0]), 1);
    CLEANUP_FD int peer = fds[1];
    for (int i = 0; i < 3; i++)
        submit(s);
    FUZZ_ASSERT(qmp_session_notify(s, NULL) == 0); /* they leave */
    qmp_session_forget(s, 2);
    submit(s);
    qmp_session_forget(s, 4); /* which does not */
    FUZZ_ASSERT(s->n_requests == 3 && buf_len(&s->out) == 0);
    /* in two parts, so that messages are cut */
    size_t half = size / 2;
    FUZZ_ASSERT(write(peer, data, half) == (ssize_t)half);
    int first = qmp_session_notify(s, NULL);
    FUZZ_ASSERT(write(peer, data + half, size - half) == (ssize_t)(size - half));
    FUZZ_ASSERT(qmp_session_notify(s, NULL) <= first);
    take_all(s);
    qmp_close(s);
    return 0;
}
