#include "config.h"
#include "proxy/attach.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>
#include "base/mem.h"
#include "net/tls.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/monitor.h"
#include "proxy/request.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"

#define VM_NAME_ASKED_MAX 255u /* bytes of a name that somebody asks for */

const char attach_no_such_vm[] = "no such VM, or no permission to see it";

struct loop *attach_loop_of(struct daemon *daemon, const char *vm)
{
    unsigned hash;
    HASH_JEN(vm, strlen(vm), hash);
    return daemon->vm_loops[hash % daemon->n_vm_loops];
}

/* On the way here the VM may have gone, or another may have taken its name. */
static void arrived(struct client *c)
{
    struct session *s = &c->session;
    struct vm *now = vms_find_name(c->loop->daemon->vms, s->vm->name);
    if (!now || !vm_same_target(now, s->vm)) {
        vm_unref(now);
        session_attach_failed(s, AUDIT_CODE_NO_VM, attach_no_such_vm);
        return;
    }
    vm_unref(s->vm);
    s->vm = now;
    monitor_attach(monitor_get(c->loop, s->vm), s);
}

/* `vm` (own reference, or NULL): a VM that is not there and one that may not be seen take the same
 * way. */
static void start(struct session *s, struct vm *take_vm, const char *asked)
{
    struct loop *loop = s->client->loop;
    struct acl_vm unknown = { .name = asked, .uuid = asked }; /* as much to look up as most have */
    s->attaching = true;
    bool sees = acl_policy_sees(loop->snapshot->policy, caller_subject(s->caller),
                                take_vm ? &take_vm->acl : &unknown);
    if (!take_vm || !sees) {
        vm_unref(take_vm);
        session_attach_failed(s, AUDIT_CODE_NO_VM, attach_no_such_vm);
        return;
    }
    s->vm = take_vm;
    struct loop *home = attach_loop_of(loop->daemon, take_vm->name);
    if (home == loop)
        arrived(s->client);
    else
        client_move(s->client, home, arrived);
}

bool attach_by_listener(struct session *s)
{
    struct client *c = s->client;
    struct vms *vms = c->loop->daemon->vms;
    const struct snapshot_listener *l = snapshot_listener(c->loop->snapshot, c->listener);
    if (!l)
        return false;
    if (l->conf->vm) {
        start(s, vms_find(vms, l->conf->vm), l->conf->vm);
        return true;
    }
    const char *sni = c->tls ? tls_session_sni(stream_tls(c->stream)) : NULL;
    const char *suffix = l->conf->sni_suffix;
    if (!sni || !suffix || strlen(sni) <= strlen(suffix) ||
        strcasecmp(sni + strlen(sni) - strlen(suffix), suffix) != 0)
        return false;
    start(s, vms_find_by_sni(vms, sni, suffix), sni);
    return true;
}

void attach_by_name(struct session *s, struct request *take_request, struct span name)
{
    CLEANUP_FREE char *text =
        mem_strndup(name.data, name.len > VM_NAME_ASKED_MAX ? VM_NAME_ASKED_MAX : name.len);
    bool whole = strlen(text) == name.len;
    s->attach_request = take_request;
    start(s, whole ? vms_find(s->client->loop->daemon->vms, text) : NULL, text);
}
