/* delayproxy LISTEN_PORT TARGET_PORT RTT_MS: a TCP proxy on loopback that makes a long line of a short one.
 *
 * Octets arrive half a round trip after they were sent, in each direction, however many there are: up to IN_FLIGHT are
 * on the way, and nothing else limits the rate (no slow start, no loss). The handshake is emulated: the target is
 * called one and a half round trips after the client was accepted, so its greeting comes after two, and what the client
 * says first (a TLS ClientHello) comes no earlier than after a real handshake.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 256 << 20, READ = 256 << 10, CONNECTIONS = 2048 };

typedef struct chunk {
    struct chunk *next;
    double due;
    size_t length, sent;
    int end; /* the sender has closed its half */
    char data[];
} chunk;

typedef struct {
    chunk *first, *last;
    size_t queued;
    int ended;   /* no more will be read */
    int closed;  /* the end was handed on */
    int blocked; /* the receiver takes no more now */
} way;

typedef struct {
    int client, server; /* server: -1 until it is called */
    double call_at;
    way up, down;
    int client_poll, server_poll;
} connection;

static connection *open_now[CONNECTIONS];
static int count;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void prepare(int fd)
{
    int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Take what has come; -1 when the connection is broken. */
static int receive(int fd, way *w, double due)
{
    static char octets[READ];
    ssize_t n = recv(fd, octets, sizeof octets, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    chunk *k = malloc(sizeof *k + (size_t)n);
    if (!k)
        return -1;
    *k = (chunk){.due = due, .length = (size_t)n, .end = n == 0};
    memcpy(k->data, octets, (size_t)n);
    if (w->last)
        w->last->next = k;
    else
        w->first = k;
    w->last = k;
    w->queued += k->length;
    w->ended = k->end;
    return 0;
}

/* Hand on what is due; -1 when the connection is broken. */
static int hand_on(int fd, way *w, double at)
{
    w->blocked = 0;
    while (w->first && w->first->due <= at) {
        chunk *k = w->first;
        if (k->end) {
            shutdown(fd, SHUT_WR);
            w->closed = 1;
        } else {
            ssize_t n = send(fd, k->data + k->sent, k->length - k->sent, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN)
                return -1;
            if (n > 0) {
                k->sent += (size_t)n;
                w->queued -= (size_t)n;
            }
            if (k->sent < k->length) {
                w->blocked = 1;
                return 0;
            }
        }
        w->first = k->next;
        if (!w->first)
            w->last = NULL;
        free(k);
    }
    return 0;
}

static void forget(way *w)
{
    while (w->first) {
        chunk *k = w->first;
        w->first = k->next;
        free(k);
    }
}

static void drop(int at)
{
    connection *c = open_now[at];
    close(c->client);
    if (c->server >= 0)
        close(c->server);
    forget(&c->up);
    forget(&c->down);
    free(c);
    open_now[at] = open_now[--count];
}

static void earlier(double *next, const way *w)
{
    if (w->first && !w->blocked && w->first->due < *next)
        *next = w->first->due;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: delayproxy LISTEN_PORT TARGET_PORT RTT_MS\n");
        return 2;
    }
    double rtt = atof(argv[3]) / 1000;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in target = here;
    here.sin_port = htons((unsigned short)atoi(argv[1]));
    target.sin_port = htons((unsigned short)atoi(argv[2]));
    signal(SIGPIPE, SIG_IGN);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 1024)) {
        perror("delayproxy");
        return 1;
    }
    prepare(listener);
    static struct pollfd polled[2 * CONNECTIONS + 1];
    for (;;) {
        double at = now(), next = at + 3600;
        for (int i = 0; i < count; i++) {
            connection *c = open_now[i];
            int broken = 0;
            if (c->server < 0 && at >= c->call_at) {
                c->server = socket(AF_INET, SOCK_STREAM, 0);
                if (connect(c->server, (void *)&target, sizeof target))
                    broken = 1;
                else
                    prepare(c->server);
            }
            if (!broken && c->server >= 0 && hand_on(c->server, &c->up, at))
                broken = 1;
            if (!broken && hand_on(c->client, &c->down, at))
                broken = 1;
            if (broken || (c->up.closed && c->down.closed)) {
                drop(i--);
                continue;
            }
            if (c->server >= 0)
                earlier(&next, &c->up);
            else if (c->call_at < next)
                next = c->call_at;
            earlier(&next, &c->down);
        }
        int n = 0;
        polled[n++] = (struct pollfd){listener, count < CONNECTIONS ? POLLIN : 0, 0};
        for (int i = 0; i < count; i++) {
            connection *c = open_now[i];
            short client = 0, server = 0;
            if (!c->up.ended && c->up.queued < IN_FLIGHT)
                client |= POLLIN;
            if (c->down.blocked)
                client |= POLLOUT;
            if (c->server >= 0 && !c->down.ended && c->down.queued < IN_FLIGHT)
                server |= POLLIN;
            if (c->server >= 0 && c->up.blocked)
                server |= POLLOUT;
            c->client_poll = n;
            polled[n++] = (struct pollfd){client ? c->client : -1, client, 0};
            c->server_poll = n;
            polled[n++] = (struct pollfd){server ? c->server : -1, server, 0};
        }
        double wait = next - now();
        if (wait < 0)
            wait = 0;
        struct timespec limit = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        if (ppoll(polled, (nfds_t)n, &limit, NULL) < 0 && errno != EINTR) {
            perror("delayproxy");
            return 1;
        }
        at = now();
        for (int i = 0; i < count; i++) {
            connection *c = open_now[i];
            if (polled[c->client_poll].revents & (POLLIN | POLLHUP | POLLERR) && !c->up.ended) {
                double due = at + rtt / 2;
                if (receive(c->client, &c->up, due < c->call_at ? c->call_at : due))
                    c->up.closed = c->down.closed = 1;
            }
            if (c->server >= 0 && polled[c->server_poll].revents & (POLLIN | POLLHUP | POLLERR) && !c->down.ended)
                if (receive(c->server, &c->down, at + rtt / 2))
                    c->up.closed = c->down.closed = 1;
        }
        int client;
        while (polled[0].revents & POLLIN && count < CONNECTIONS && (client = accept(listener, NULL, NULL)) >= 0) {
            connection *c = calloc(1, sizeof *c);
            if (!c)
                return 1;
            prepare(client);
            c->client = client;
            c->server = -1;
            c->call_at = now() + 1.5 * rtt;
            open_now[count++] = c;
        }
    }
}
