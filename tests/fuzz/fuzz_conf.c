/* Any text as a configuration: it is refused with at least one report, or it holds what its users
 * rely on. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/limits.h"
#include "conf/conf.h"

static void count_line(void *opaque, const char *line)
{
    FUZZ_ASSERT(strncmp(line, "/d/f:", 5) == 0 && !strchr(line, '\n'));
    ++*(size_t *)opaque;
}

static void check_listener(const struct conf *c, const struct conf_listener *l)
{
    FUZZ_ASSERT(!l->address != !l->path);
    FUZZ_ASSERT(!l->address || (l->port >= 1 && l->port <= 65535 && c->tls.given));
    FUZZ_ASSERT(!l->path || l->path[0] == '/');
    FUZZ_ASSERT(l->mode <= 0777);
}

static void check(const struct conf *c)
{
    FUZZ_ASSERT(c->policy && c->policy[0] == '/');
    FUZZ_ASSERT(c->audit.path && c->audit.path[0] == '/');
    FUZZ_ASSERT(c->n_listeners > 0);
    for (size_t i = 0; i < c->n_listeners; i++)
        check_listener(c, &c->listeners[i]);
    for (size_t i = 0; i < c->n_vms; i++) {
        FUZZ_ASSERT(!c->vms[i].socket != !c->vms[i].address);
        FUZZ_ASSERT(c->vms[i].name[0] != '.' && !strchr(c->vms[i].name, '/'));
    }
    FUZZ_ASSERT(!c->tls.given || (c->tls.cert && c->tls.key));
    FUZZ_ASSERT(c->limits.request_bytes <= LIMIT_REQUEST_BYTES_MAX);
    FUZZ_ASSERT(c->limits.output_soft_bytes <= c->limits.output_hard_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf *c = NULL;
    size_t reports = 0;
    int rc = conf_parse("/d/f", (const char *)data, size, count_line, &reports, &c);
    FUZZ_ASSERT((rc == 0) == (reports == 0) && (rc == 0) == (c != NULL));
    if (c) {
        check(c);
        FUZZ_ASSERT(conf_not_reloadable(c, c, NULL, NULL) == 0);
    }
    conf_unref(c);
    return 0;
}
