/* Another's conversation, over a session of ours that went as far as the VM's greeting. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/mem.h"
#include "libqmp/relay.h"

/* What a gateway would have said: the client sees why there is no greeting. */
static void refuse(struct stream *client, const struct qmp_error *why)
{
    CLEANUP_BUF struct buf line = { 0 };
    size_t n;
    struct error ignored;
    const char *text = qmp_error_text(why);
    BUF_ADD_LIT(&line, "{\"error\": {\"class\": \"GenericError\", \"desc\": ");
    buf_add_json_string(&line, text, strlen(text));
    BUF_ADD_LIT(&line, "}}\r\n");
    if (stream_write(client, buf_data(&line), buf_len(&line), &n, &ignored) == STREAM_OK)
        stream_shutdown(client);
}

/* The client has heard it; the program wants to know too. */
static int tell_last_words(const struct buf *last, struct qmp_error **err)
{
    size_t end = buf_len(last);
    while (end > 0 && strchr("\r\n", buf_data(last)[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && buf_data(last)[start - 1] != '\n')
        start--;
    CLEANUP_FREE char *words =
        session_closing_words((struct span){ buf_data(last) + start, end - start });
    return !words ? 0
                  : problem_set(err, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_UNKNOWN, "%s", words);
}

/* What a client that has just connected would see. */
static void add_beginning(struct qmp_session *s, struct buf *first)
{
    size_t space = 0;
    buf_add_str(first, s->greeting);
    BUF_ADD_LIT(first, "\r\n");
    while (space < buf_len(&s->in) && strchr("\r\n ", buf_data(&s->in)[space]))
        space++;
    buf_consume(&s->in, space);
    if (buf_len(&s->in) > 0)
        buf_add(first, buf_data(&s->in), buf_len(&s->in));
}

static int carry(struct qmp_session *s, struct stream *client, struct qmp_error **err)
{
    CLEANUP_BUF struct buf first = { 0 }, last = { 0 };
    struct error e;
    add_beginning(s, &first);
    const struct span beginning = { buf_data(&first), buf_len(&first) };
    int rc = relay_run(client, s->stream, beginning, &last, &e);
    stream_shutdown(s->stream);
    if (tell_last_words(&last, err) < 0)
        return -1;
    return rc == 0 ? 0 : problem_from(err, &e, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_UNKNOWN);
}

int qmp_tunnel(const char *uri, const struct qmp_settings *settings, int fd, struct qmp_error **err)
{
    struct qmp_session *s;
    struct qmp_error *why = NULL;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "the descriptor cannot be duplicated: %s", strerror(errno));
    struct stream *client = stream_new_plain(copy);
    int rc = session_begin(uri, settings, &s, &why);
    if (rc == 0) {
        rc = carry(s, client, err);
        qmp_close(s);
    } else {
        refuse(client, why);
        if (err)
            *err = TAKE_PTR(why);
        qmp_error_free(why);
    }
    stream_free(client);
    return rc;
}
