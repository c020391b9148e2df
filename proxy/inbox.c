#include "config.h"
#include "proxy/inbox.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/eventfd.h>

void inbox_post(struct inbox *inbox, struct loop_message *take_message)
{
    take_message->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    bool wake = inbox->head == NULL;
    *inbox->tail = take_message;
    inbox->tail = &take_message->next;
    pthread_mutex_unlock(&inbox->lock);
    if (wake)
        eventfd_write(inbox->fd, 1);
}

void inbox_run(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    struct loop_message *m = inbox->head;
    inbox->head = NULL;
    inbox->tail = &inbox->head;
    pthread_mutex_unlock(&inbox->lock);
    while (m) {
        struct loop_message *next = m->next;
        m->run(inbox->loop, m);
        m = next;
    }
}

static void on_inbox(evutil_socket_t fd, short what, void *opaque)
{
    eventfd_t count;
    (void)what;
    eventfd_read(fd, &count);
    inbox_run(opaque);
}

int inbox_init(struct inbox *inbox, struct event_base *base, struct loop *loop, struct error *err)
{
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->head = NULL;
    inbox->tail = &inbox->head;
    inbox->loop = loop;
    inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (inbox->fd < 0)
        return error_set_errno(err, "cannot make an eventfd");
    event_assign(&inbox->event, base, inbox->fd, EV_READ | EV_PERSIST, on_inbox, inbox);
    event_add(&inbox->event, NULL);
    return 0;
}

void inbox_destroy(struct inbox *inbox)
{
    if (!inbox->tail)
        return;
    if (inbox->fd >= 0) {
        inbox_run(inbox);
        event_del(&inbox->event);
        close(inbox->fd);
    }
    pthread_mutex_destroy(&inbox->lock);
    inbox->tail = NULL;
}
