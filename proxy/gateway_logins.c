/* Administration of logins: who is held back for guessing, and letting them go. */
#include "config.h"
#include "proxy/gateway.h"

#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/login_backoff.h"

#define HELD_SHOWN_MAX 100u /* the longest held back are not first: all are counted */

static void write_held(void *opaque, const struct login_held *held)
{
    struct buf *b = opaque;
    if (buf_data(b)[buf_len(b) - 1] != '[')
        BUF_ADD_LIT(b, ", ");
    BUF_ADD_LIT(b, "{\"address\": ");
    buf_add_json_string(b, held->site, strlen(held->site));
    if (held->name[0]) {
        BUF_ADD_LIT(b, ", \"name\": ");
        buf_add_json_string(b, held->name, strlen(held->name));
    }
    buf_printf(b, ", \"failures\": %u, \"seconds\": %u}", held->failures, held->seconds);
}

void gateway_write_logins(struct buf *out, struct daemon *daemon)
{
    CLEANUP_BUF struct buf pairs = { 0 };
    BUF_ADD_LIT(&pairs, "[");
    unsigned n = login_backoff_visit(daemon->backoff, clock_monotonic_us(), HELD_SHOWN_MAX,
                                     write_held, &pairs);
    buf_printf(out, "{\"held\": %u, \"pairs\": ", n);
    buf_add_span(out, gateway_buf_span(&pairs));
    BUF_ADD_LIT(out, "]}");
}

static char *text_argument(const struct request *r, const char *name)
{
    struct span text;
    return gateway_string_argument(r, name, &text) ? mem_strndup(text.data, text.len) : NULL;
}

void gateway_login_release(struct session *s, struct request *r)
{
    CLEANUP_FREE char *address = text_argument(r, "address");
    CLEANUP_FREE char *name = text_argument(r, "name");
    CLEANUP_BUF struct buf value = { 0 };
    unsigned n = login_backoff_release(s->client->loop->daemon->backoff, address, name);
    dispatch_admin(s, r, name, 0, n);
    buf_printf(&value, "{\"released\": %u}", n);
    session_return(r, gateway_buf_span(&value));
}
