/* The one way into a thread that runs an event loop: a list under a mutex, and an eventfd that
 * wakes it. */
#ifndef PROXY_INBOX_H
#define PROXY_INBOX_H

#include <event2/event_struct.h>
#include <pthread.h>
#include "base/error.h"

struct event_base;
struct loop;

/* Embedded in what is sent; run() runs on the receiving thread and owns the message. */
struct loop_message {
    struct loop_message *next;
    void (*run)(struct loop *loop, struct loop_message *message);
};

struct inbox {
    pthread_mutex_t lock;
    struct loop_message *head, **tail; /* under lock */
    int fd;
    struct event event;
    struct loop *loop; /* whose it is; NULL for the main thread's */
};

int inbox_init(struct inbox *inbox, struct event_base *base, struct loop *loop,
               struct error *err) MUST_CHECK;
/* Runs what is left; no one may post any more. */
void inbox_destroy(struct inbox *inbox);

/* From any thread. Takes the message. */
void inbox_post(struct inbox *inbox, struct loop_message *take_message);

/* Runs what is there. */
void inbox_run(struct inbox *inbox);

#endif
