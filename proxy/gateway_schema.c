/* Introspection: the VM's own, cut to what this identity may run, with the gateway's own commands
 * added. Names of our types begin with "gateway:", which no number of QEMU's does. */
#include "config.h"

#include <string.h>
#include "proxy/client.h"
#include "proxy/gateway.h"
#include "proxy/monitor.h"
#include "proxy/snapshot.h"

/* Types that our commands use. */
static const char types[] =
    "{\"name\": \"gateway:str\", \"json-type\": \"string\", \"meta-type\": \"builtin\"}, "
    "{\"name\": \"gateway:int\", \"json-type\": \"int\", \"meta-type\": \"builtin\"}, "
    "{\"name\": \"gateway:any\", \"json-type\": \"value\", \"meta-type\": \"builtin\"}, "
    "{\"name\": \"[gateway:str]\", \"element-type\": \"gateway:str\", \"meta-type\": \"array\"}, "
    "{\"name\": \"gateway:empty\", \"members\": [], \"meta-type\": \"object\"}";

static const char events[] =
    ", {\"name\": \"gateway:lost\", \"members\": [{\"name\": \"count\", \"type\": "
    "\"gateway:int\"}], \"meta-type\": \"object\"}"
    ", {\"name\": \"gateway:down\", \"members\": [{\"name\": \"reason\", \"type\": "
    "\"gateway:str\"}], \"meta-type\": \"object\"}"
    ", {\"name\": \"GATEWAY_EVENTS_LOST\", \"arg-type\": \"gateway:lost\", \"meta-type\": "
    "\"event\"}"
    ", {\"name\": \"gateway:moved\", \"members\": [{\"name\": \"host\", \"type\": "
    "\"gateway:str\"}], \"meta-type\": \"object\"}"
    ", {\"name\": \"GATEWAY_VM_RESTARTED\", \"arg-type\": \"gateway:moved\", \"meta-type\": "
    "\"event\"}"
    ", {\"name\": \"GATEWAY_VM_MOVED\", \"arg-type\": \"gateway:moved\", \"meta-type\": \"event\"}"
    ", {\"name\": \"GATEWAY_VM_DOWN\", \"arg-type\": \"gateway:down\", \"meta-type\": \"event\"}"
    ", {\"name\": \"GATEWAY_CLOSED\", \"arg-type\": \"gateway:down\", \"meta-type\": \"event\"}"
    ", {\"name\": \"GATEWAY_SHUTDOWN\", \"arg-type\": \"gateway:empty\", \"meta-type\": \"event\"}";

static bool allows_command(void *opaque, unsigned i)
{
    const struct session *s = opaque;
    return acl_allows_command(s->rights, i);
}

static bool allows_event(void *opaque, unsigned i)
{
    const struct session *s = opaque;
    return acl_allows_event(s->rights, i);
}

/* Does the VM's own list have it already (then it is shown by what policy says of it)? */
static bool is_shown(const struct session *s, unsigned admin, const struct gateway_command *c)
{
    return strncmp(c->name, "gateway-", 8) == 0 && (admin & c->admin) == c->admin;
}

static unsigned admin_of(const struct session *s)
{
    return acl_policy_admin(s->client->loop->snapshot->policy, caller_subject(s->caller));
}

static const char *type_name(char kind)
{
    return kind == 's'   ? "gateway:str"
           : kind == 'i' ? "gateway:int"
           : kind == 'a' ? "[gateway:str]"
                         : "gateway:any";
}

/* One argument, "name:kind" or "name:kind?", as a member of an object type. */
static void write_member(struct buf *b, const char *spec)
{
    const char *colon = strchr(spec, ':');
    buf_printf(b, "{\"name\": \"%.*s\", \"type\": \"%s\"%s}", (int)(colon - spec), spec,
               type_name(colon[1]), colon[2] == '?' ? ", \"default\": null" : "");
}

static void write_command(struct buf *b, const struct gateway_command *c)
{
    if (c->arguments) {
        buf_printf(b, ", {\"name\": \"gateway:%s-arg\", \"members\": [", c->name);
        for (const char *const *a = c->arguments; *a; a++) {
            if (a != c->arguments)
                BUF_ADD_LIT(b, ", ");
            write_member(b, *a);
        }
        BUF_ADD_LIT(b, "], \"meta-type\": \"object\"}");
    }
    buf_printf(b,
               ", {\"name\": \"%s\", \"arg-type\": \"gateway:%s%s\", \"ret-type\": "
               "\"gateway:any\", \"meta-type\": \"command\"}",
               c->name, c->arguments ? c->name : "empty", c->arguments ? "-arg" : "");
}

static struct qmp_schema_filter filter_of(struct session *s, const struct buf *schema,
                                          const struct buf *commands)
{
    struct qmp_schema_filter f = { .command = allows_command, .event = allows_event, .opaque = s };
    if (schema)
        f.extra_schema = gateway_buf_span(schema);
    if (commands)
        f.extra_commands = gateway_buf_span(commands);
    return f;
}

void gateway_query_commands(struct session *s, struct request *r)
{
    CLEANUP_BUF struct buf own = { 0 };
    CLEANUP_BUF struct buf b = { 0 };
    unsigned admin = admin_of(s);
    const struct gateway_command *c;
    for (unsigned i = 0; (c = gateway_command_at(i)) != NULL; i++) {
        if (is_shown(s, admin, c))
            buf_printf(&own, "%s{\"name\": \"%s\"}", buf_len(&own) ? ", " : "", c->name);
    }
    struct qmp_schema_filter f = filter_of(s, NULL, &own);
    qmp_schema_write_commands(s->monitor->schema, &f, &b);
    session_return(r, gateway_buf_span(&b));
}

void gateway_query_schema(struct session *s, struct request *r)
{
    CLEANUP_BUF struct buf own = { 0 };
    CLEANUP_BUF struct buf b = { 0 };
    unsigned admin = admin_of(s);
    const struct gateway_command *c;
    BUF_ADD_LIT(&own, types);
    BUF_ADD_LIT(&own, events);
    for (unsigned i = 0; (c = gateway_command_at(i)) != NULL; i++) {
        if (is_shown(s, admin, c))
            write_command(&own, c);
    }
    struct qmp_schema_filter f = filter_of(s, &own, NULL);
    qmp_schema_write_filtered(s->monitor->schema, &f, &b);
    session_return(r, gateway_buf_span(&b));
}
