#include "config.h"
#include "proxy/vms.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>
#include "base/log.h"
#include "base/mem.h"
#include "proxy/vm_domains.h"

#define VM_NAME_MAX   64u
#define DNS_LABEL_MAX 63u
#define UUID_TEXT     36u
#define DOMAIN_ORIGIN "libvirt" /* no directory: these begin with a slash */

struct vm_slot {
    UT_hash_handle hh;
    struct vm *vm;
    char *origin_text; /* the directory it is from, "" for configuration */
};

struct vms {
    pthread_mutex_t lock;
    struct vm_slot *by_name;
    struct vm_domains *domains;
};

/* --- one VM ----------------------------------------------------------------------------------- */

struct vm *vm_ref(struct vm *vm)
{
    atomic_fetch_add_explicit(&vm->refs, 1, memory_order_relaxed);
    return vm;
}

static void free_strings(char **items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(items[i]);
    free(items);
}

static char **copy_strings(char *const *items, size_t n)
{
    char **copy = MEM_NEW_N(char *, n);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(items[i]);
    return copy;
}

void vm_unref(struct vm *vm)
{
    if (!vm || atomic_fetch_sub_explicit(&vm->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_strings(vm->labels, vm->n_labels);
    free(vm->owner_uids);
    free(vm->name);
    free(vm->socket);
    free(vm->address);
    free(vm->uuid);
    free(vm->connection);
    free(vm->domain);
    free(vm->title);
    free(vm->about);
    free(vm->agent_of);
    free(vm);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool vm_same_target(const struct vm *a, const struct vm *b)
{
    return same_text(a->socket, b->socket) && same_text(a->address, b->address) &&
           same_text(a->connection, b->connection) && a->incarnation == b->incarnation &&
           a->contested == b->contested && a->port == b->port && same_text(a->uuid, b->uuid) &&
           vm_socket_same(&a->at, &b->at) && a->n_owners == b->n_owners &&
           (a->n_owners == 0 ||
            memcmp(a->owner_uids, b->owner_uids, a->n_owners * sizeof(uid_t)) == 0);
}

static bool vm_uuid_form(const char *s, size_t len)
{
    if (len != UUID_TEXT)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return true;
}

bool vm_name_valid(const char *name, size_t len)
{
    if (len == 0 || len > VM_NAME_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && !memchr("._-", name[i], 3))
            return false;
    }
    return !vm_uuid_form(name, len);
}

bool vm_name_is_dns_label(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > DNS_LABEL_MAX || name[0] == '-' || name[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-')
            return false;
    }
    return true;
}

static struct vm *finish_vm(struct vm *vm)
{
    atomic_store(&vm->refs, 1);
    vm->dns_label = vm_name_is_dns_label(vm->name);
    vm->acl = (struct acl_vm){
        .name = vm->agent_of ? vm->agent_of : vm->name,
        .agent = vm->agent_of != NULL,
        .uuid = vm->uuid,
        .labels = (const char *const *)vm->labels,
        .n_labels = vm->n_labels,
    };
    return vm;
}

static struct vm *vm_from_conf(const struct conf_vm *c)
{
    struct vm *vm = MEM_NEW(struct vm);
    vm->name = mem_strdup(c->name);
    vm->socket = mem_strdup(c->socket);
    vm->address = mem_strdup(c->address);
    vm->port = c->port;
    vm->uuid = mem_strdup(c->uuid);
    vm->labels = copy_strings(c->labels.items, c->labels.n);
    vm->n_labels = c->labels.n;
    vm->hold = c->hold;
    return finish_vm(vm);
}

struct vm *vm_from_domain(const struct vm_domain *d, const char *name, bool contested)
{
    struct vm *vm = MEM_NEW(struct vm);
    vm->name = mem_strdup(name);
    vm->uuid = mem_strdup(d->uuid);
    vm->labels = copy_strings(d->labels, d->n_labels);
    vm->n_labels = d->n_labels;
    vm->connection = mem_strdup(d->connection);
    vm->domain = mem_strdup(d->name);
    vm->native = d->native;
    vm->follows = d->follows;
    vm->title = mem_strdup(d->title);
    vm->about = mem_strdup(d->about);
    vm->power = d->power;
    vm->incarnation = d->incarnation;
    vm->contested = contested;
    vm->arriving = d->arriving;
    vm->came = d->came;
    vm->leaving = d->leaving;
    return finish_vm(vm);
}

struct vm *vm_agent(const struct vm *of)
{
    if (!of->connection || of->agent_of)
        return NULL;
    struct vm *vm = MEM_NEW(struct vm);
    vm->agent_of = mem_strdup(of->name);
    vm->name = mem_printf("%s" ACL_AGENT_SUFFIX, of->name);
    vm->uuid = mem_strdup(of->uuid);
    vm->labels = copy_strings(of->labels, of->n_labels);
    vm->n_labels = of->n_labels;
    vm->connection = mem_strdup(of->connection);
    vm->domain = mem_strdup(of->domain);
    vm->follows = of->follows;
    vm->title = mem_strdup(of->title);
    vm->about = mem_strdup(of->about);
    vm->power = of->power;
    vm->incarnation = of->incarnation;
    vm->contested = of->contested;
    vm->arriving = of->arriving;
    vm->came = of->came;
    vm->leaving = of->leaving;
    return finish_vm(vm);
}

static char *directory_name(const struct conf_vm_directory *dir, const char *file)
{
    const char *star = strchr(dir->pattern, '*');
    size_t before = (size_t)(star - dir->pattern), after = strlen(star + 1);
    return mem_strndup(file + before, strlen(file) - before - after);
}

static struct vm *vm_from_directory(const struct conf_vm_directory *dir, const uid_t *owner_uids,
                                    const struct vm_file *file)
{
    struct vm *vm = MEM_NEW(struct vm);
    vm->name = directory_name(dir, file->name);
    vm->socket = mem_printf("%s/%s", dir->path, file->name);
    vm->at = file->at;
    vm->labels = copy_strings(dir->labels.items, dir->labels.n);
    vm->n_labels = dir->labels.n;
    vm->owner_uids = mem_dup(owner_uids, dir->n_owners * sizeof(uid_t));
    vm->n_owners = dir->n_owners;
    vm->from_directory = true;
    return finish_vm(vm);
}

/* --- the table -------------------------------------------------------------------------------- */

struct vms *vms_new(void)
{
    struct vms *vms = MEM_NEW(struct vms);
    vms->domains = vm_domains_new();
    pthread_mutex_init(&vms->lock, NULL);
    return vms;
}

static void drop_slot(struct vms *vms, struct vm_slot *slot)
{
    HASH_DELETE(hh, vms->by_name, slot);
    vm_unref(slot->vm);
    free(slot->origin_text);
    free(slot);
}

static void drop_origin(struct vms *vms, const char *origin)
{
    struct vm_slot *slot, *next;
    HASH_ITER (hh, vms->by_name, slot, next) {
        if (strcmp(slot->origin_text, origin) == 0)
            drop_slot(vms, slot);
    }
}

/* The VMs of an origin, each with a reference; free the array. */
static struct vm **list_origin(struct vms *vms, const char *origin, size_t *n)
{
    struct vm_slot *slot, *next;
    struct vm **list = MEM_NEW_N(struct vm *, HASH_COUNT(vms->by_name));
    *n = 0;
    HASH_ITER (hh, vms->by_name, slot, next) {
        if (strcmp(slot->origin_text, origin) == 0)
            list[(*n)++] = vm_ref(slot->vm);
    }
    return list;
}

static void add_slot(struct vms *vms, struct vm *take_vm, const char *origin)
{
    struct vm_slot *slot = MEM_NEW(struct vm_slot);
    slot->vm = take_vm;
    slot->origin_text = mem_strdup(origin);
    HASH_ADD_KEYPTR(hh, vms->by_name, take_vm->name, strlen(take_vm->name), slot);
}

static struct vm_slot *find_slot(struct vms *vms, const char *name, size_t len)
{
    struct vm_slot *slot;
    HASH_FIND(hh, vms->by_name, name, len, slot);
    return slot;
}

void vms_free(struct vms *vms)
{
    if (!vms)
        return;
    struct vm_slot *slot, *next;
    HASH_ITER (hh, vms->by_name, slot, next)
        drop_slot(vms, slot);
    vm_domains_free(vms->domains);
    pthread_mutex_destroy(&vms->lock);
    free(vms);
}

/* --- domains ---------------------------------------------------------------------------------- */

static void add_name(struct vm_names *names, const char *name)
{
    mem_grow((void **)&names->items, &names->cap, names->n + 1, sizeof(*names->items));
    names->items[names->n++] = mem_strdup(name);
}

/* Has somebody a name who is no domain? */
static bool is_taken(void *opaque, const char *name)
{
    const struct vm_slot *slot = find_slot(opaque, name, strlen(name));
    return slot && !slot->vm->connection;
}

static void publish(const struct vm_publisher *p, const char *name, struct vm *take_vm)
{
    struct vms *vms = p->opaque;
    struct vm_slot *slot = find_slot(vms, name, strlen(name));
    add_name(p->changed, name);
    if (slot)
        drop_slot(vms, slot);
    if (take_vm)
        add_slot(vms, take_vm, DOMAIN_ORIGIN);
}

void vms_set_domain(struct vms *vms, const struct vm_domain *domain, struct vm_names *changed)
{
    struct vm_publisher p = { is_taken, publish, vms, changed };
    pthread_mutex_lock(&vms->lock);
    vm_domains_set(vms->domains, domain, &p);
    pthread_mutex_unlock(&vms->lock);
}

void vms_drop_domain(struct vms *vms, const char *connection, const char *uuid,
                     struct vm_names *changed)
{
    struct vm_publisher p = { is_taken, publish, vms, changed };
    pthread_mutex_lock(&vms->lock);
    vm_domains_drop(vms->domains, connection, uuid, &p);
    pthread_mutex_unlock(&vms->lock);
}

void vms_keep_domains(struct vms *vms, const char *connection,
                      bool (*keep)(void *opaque, const char *uuid), void *opaque,
                      struct vm_names *changed)
{
    struct vm_publisher p = { is_taken, publish, vms, changed };
    pthread_mutex_lock(&vms->lock);
    vm_domains_keep(vms->domains, connection, keep, opaque, &p);
    pthread_mutex_unlock(&vms->lock);
}

/* --- configuration and directories ------------------------------------------------------------ */

void vms_set_configured(struct vms *vms, const struct conf *conf)
{
    pthread_mutex_lock(&vms->lock);
    drop_origin(vms, "");
    for (size_t i = 0; i < conf->n_vms; i++) {
        struct vm *vm = vm_from_conf(&conf->vms[i]);
        struct vm_slot *taken = find_slot(vms, vm->name, strlen(vm->name));
        if (taken && taken->vm->connection) /* what is configured goes first */
            vm_domains_withdraw(vms->domains, taken->vm->connection, taken->vm->uuid);
        if (taken)
            drop_slot(vms, taken);
        add_slot(vms, vm, "");
    }
    struct vm_names changed = { 0 }; /* the loops look at all theirs after a reload */
    vm_domains_settle_all(vms->domains, &(struct vm_publisher){ is_taken, publish, vms, &changed });
    vm_names_free(&changed);
    pthread_mutex_unlock(&vms->lock);
}

void vm_names_free(struct vm_names *names)
{
    free_strings(names->items, names->n);
    *names = (struct vm_names){ 0 };
}

/* Those of `before` that are not there as they were. Drops the references, and the array. */
static void find_left(struct vms *vms, struct vm **take_before, size_t n, struct vm_names *left)
{
    for (size_t i = 0; i < n; i++) {
        struct vm *vm = take_before[i];
        const struct vm_slot *now = find_slot(vms, vm->name, strlen(vm->name));
        if (!now || !vm_same_target(now->vm, vm))
            add_name(left, vm->name);
        vm_unref(vm);
    }
    free(take_before);
}

void vms_set_directory(struct vms *vms, const struct conf_vm_directory *dir,
                       const uid_t *owner_uids, const struct vm_file *files, size_t n,
                       struct vm_names *left)
{
    size_t n_before;
    pthread_mutex_lock(&vms->lock);
    struct vm **before = list_origin(vms, dir->path, &n_before);
    drop_origin(vms, dir->path);
    for (size_t i = 0; i < n; i++) {
        struct vm *vm = vm_from_directory(dir, owner_uids, &files[i]);
        if (!vm_name_valid(vm->name, strlen(vm->name))) {
            vm_unref(vm);
        } else if (find_slot(vms, vm->name, strlen(vm->name))) {
            log_warning("%s: VM name \"%s\" is taken already: socket ignored", vm->socket,
                        vm->name);
            vm_unref(vm);
        } else {
            add_slot(vms, vm, dir->path);
        }
    }
    find_left(vms, before, n_before, left);
    pthread_mutex_unlock(&vms->lock);
}

void vms_keep_directories(struct vms *vms, const struct conf *conf)
{
    struct vm_slot *slot, *next;
    pthread_mutex_lock(&vms->lock);
    HASH_ITER (hh, vms->by_name, slot, next) {
        bool keep = slot->origin_text[0] == '\0' || slot->vm->connection;
        for (size_t i = 0; i < conf->n_directories && !keep; i++)
            keep = strcmp(slot->origin_text, conf->directories[i].path) == 0;
        if (!keep)
            drop_slot(vms, slot);
    }
    pthread_mutex_unlock(&vms->lock);
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* Ignoring case for names only where `sni`; UUIDs always. Two VMs that differ in case only are no
 * match by SNI: the name has to be unambiguous. */
static struct vm *find_ignoring_case(struct vms *vms, const char *text, size_t len, bool sni)
{
    struct vm *found = NULL;
    struct vm_slot *slot, *next;
    HASH_ITER (hh, vms->by_name, slot, next) {
        struct vm *vm = slot->vm;
        bool by_name = sni && vm->dns_label && strlen(vm->name) == len &&
                       strncasecmp(vm->name, text, len) == 0;
        bool by_uuid = len == UUID_TEXT && vm->uuid && strncasecmp(vm->uuid, text, len) == 0;
        if (!by_name && !by_uuid)
            continue;
        if (found)
            return NULL;
        found = vm;
    }
    return found;
}

/* Of NAME:agent; NULL if it is no such name. */
static struct vm *find_agent(struct vms *vms, const char *target,
                             struct vm *(*find)(struct vms *vms, const char *name))
{
    size_t len = acl_agent_of(target);
    CLEANUP_FREE char *name = mem_strndup(target, len);
    struct vm *vm = len ? find(vms, name) : NULL;
    struct vm *agent = vm ? vm_agent(vm) : NULL;
    vm_unref(vm);
    return agent;
}

struct vm *vms_find(struct vms *vms, const char *name_or_uuid)
{
    if (acl_agent_of(name_or_uuid))
        return find_agent(vms, name_or_uuid, vms_find);
    size_t len = strlen(name_or_uuid);
    pthread_mutex_lock(&vms->lock);
    /* both, whether or not the first finds it: the time must not tell that a VM is there */
    struct vm_slot *slot = find_slot(vms, name_or_uuid, len);
    struct vm *by_uuid =
        len == UUID_TEXT ? find_ignoring_case(vms, name_or_uuid, len, false) : NULL;
    const char *full = slot ? NULL : vm_domains_name_of(vms->domains, name_or_uuid);
    if (full)
        slot = find_slot(vms, full, strlen(full));
    struct vm *vm = slot ? slot->vm : by_uuid;
    if (vm)
        vm_ref(vm);
    pthread_mutex_unlock(&vms->lock);
    return vm;
}

struct vm *vms_find_name(struct vms *vms, const char *name)
{
    if (acl_agent_of(name))
        return find_agent(vms, name, vms_find_name);
    pthread_mutex_lock(&vms->lock);
    struct vm_slot *slot = find_slot(vms, name, strlen(name));
    struct vm *vm = slot ? vm_ref(slot->vm) : NULL;
    pthread_mutex_unlock(&vms->lock);
    return vm;
}

struct vm *vms_find_by_sni(struct vms *vms, const char *sni, const char *suffix)
{
    size_t len = strlen(sni), tail = strlen(suffix);
    if (len <= tail || strcasecmp(sni + len - tail, suffix) != 0)
        return NULL;
    pthread_mutex_lock(&vms->lock);
    struct vm *vm = find_ignoring_case(vms, sni, len - tail, true);
    if (vm)
        vm_ref(vm);
    pthread_mutex_unlock(&vms->lock);
    return vm;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct vm *const *)a)->name, (*(struct vm *const *)b)->name);
}

struct vm **vms_list(struct vms *vms, size_t *n)
{
    pthread_mutex_lock(&vms->lock);
    struct vm **list = MEM_NEW_N(struct vm *, HASH_COUNT(vms->by_name));
    *n = 0;
    struct vm_slot *slot, *next;
    HASH_ITER (hh, vms->by_name, slot, next)
        list[(*n)++] = vm_ref(slot->vm);
    pthread_mutex_unlock(&vms->lock);
    qsort(list, *n, sizeof(*list), by_name);
    return list;
}
