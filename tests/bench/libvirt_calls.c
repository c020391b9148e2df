/* What a command costs that is given to libvirt directly: virDomainQemuMonitorCommand, one thread
 * and one connection a VM. Prints one line of JSON, like tests/bench/load. */
#include "config.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"

#define WARM_UP_US (USEC_PER_SEC / 2)

struct caller {
    pthread_t thread;
    const char *uri, *vm;
    int64_t until_us;
    double *times; /* microseconds */
    size_t n, cap;
    bool failed;
};

static void call(struct caller *c, virDomainPtr domain, int64_t begin_us)
{
    char *reply = NULL;
    int64_t from = clock_monotonic_us();
    if (virDomainQemuMonitorCommand(domain, "{\"execute\":\"query-status\"}", &reply, 0) < 0)
        c->failed = true;
    free(reply);
    if (from < begin_us)
        return;
    mem_grow((void **)&c->times, &c->cap, c->n + 1, sizeof(*c->times));
    c->times[c->n++] = (double)(clock_monotonic_us() - from);
}

static void *run(void *opaque)
{
    struct caller *c = opaque;
    virConnectPtr conn = virConnectOpen(c->uri);
    virDomainPtr domain = conn ? virDomainLookupByName(conn, c->vm) : NULL;
    c->failed = !domain;
    int64_t begin_us = clock_monotonic_us() + WARM_UP_US;
    while (!c->failed && clock_monotonic_us() < c->until_us + WARM_UP_US)
        call(c, domain, begin_us);
    if (domain)
        virDomainFree(domain);
    if (conn)
        virConnectClose(conn);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: libvirt_calls URI SECONDS VM...\n");
        return 2;
    }
    size_t n = (size_t)argc - 3, total = 0;
    double seconds = strtod(argv[2], NULL);
    struct caller *callers = MEM_NEW_N(struct caller, n);
    int64_t until = clock_monotonic_us() + (int64_t)(seconds * USEC_PER_SEC);
    for (size_t i = 0; i < n; i++) {
        callers[i] = (struct caller){ .uri = argv[1], .vm = argv[3 + i], .until_us = until };
        pthread_create(&callers[i].thread, NULL, run, &callers[i]);
    }
    double *all = NULL;
    size_t cap = 0;
    bool failed = false;
    for (size_t i = 0; i < n; i++) {
        pthread_join(callers[i].thread, NULL);
        failed = failed || callers[i].failed || callers[i].n == 0;
        mem_grow((void **)&all, &cap, total + callers[i].n + 1, sizeof(*all));
        for (size_t k = 0; k < callers[i].n; k++)
            all[total++] = callers[i].times[k];
        free(callers[i].times);
    }
    free(callers);
    if (failed || !all) {
        fprintf(stderr, "libvirt_calls: libvirt refused\n");
        return 1;
    }
    qsort(all, total, sizeof(*all), by_size);
    printf("{\"rate\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f}\n", (double)total / seconds,
           all[total / 2], all[total * 99 / 100]);
    free(all);
    return 0;
}
