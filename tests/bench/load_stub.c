/* A streaming OpenAI server of known truth, for measuring load generators.
 *
 *   cc -O2 -o load_stub load_stub.c && ./load_stub TTFT_US ITL_US LOG [TOKENS_PER_CHUNK [NAME=VALUE …]]
 *
 * Prints the port it listens on (127.0.0.1). Each answer has max_tokens tokens: the first is due
 * TTFT_US after the request arrived, each later one ITL_US after the one before, on an absolute
 * schedule. On SIGTERM it writes LOG, one line per answer, in the order the requests arrived:
 *
 *   arrived first last end tokens sum_of_lateness        (CLOCK_MONOTONIC, nanoseconds)
 *
 * where first and last are the moments just before the send() of the first and last token: the truth
 * that a client's figures are held against. One thread, epoll, no allocation while streaming.
 *
 * A scripted distribution, each value by independent draws of a seeded generator:
 *
 *   seed=N  jitter=US        up to so much is added to every TTFT, uniformly
 *   slow=SHARE slow_us=US    share of requests with a longer TTFT, and how much longer
 *   stall=SHARE stall_us=US  share of gaps between tokens that are longer, and how much longer
 *   pace=X                   all gaps of a request are longer by up to that share of ITL_US
 *   burst=N                  so many tokens come at once, as events of their own
 *   refuse=SHARE empty=SHARE answers that are a 503, or a 200 without a single token
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 16384, REQUEST = 1 << 17 };

struct record { int64_t arrived, first, last, end; int tokens; int64_t late; };

struct stream {
    char *request;
    int filled, tokens, sent, chat, heap_at;
    int64_t due, itl;
    long record;
    char chunk[512];
    int chunk_length;
};

static struct stream *streams[MAX_FD];
static int heap[MAX_FD], heap_length;
static struct record *records;
static long record_count, record_room;
static int64_t ttft, itl;
static int tokens_per_chunk = 1, poller, burst = 1;
static double slow, stall, refuse, empty, pace;
static int64_t jitter, slow_by, stall_by;
static uint64_t random_state = 88172645463325252ULL;
static volatile sig_atomic_t over;

static void stop(int number) { (void)number; over = 1; }

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double uniform(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) / 9007199254740992.0;
}

/* A binary heap of streams by the moment their next token is due. */
static void heap_put(int at, int fd) { heap[at] = fd; streams[fd]->heap_at = at; }

static void heap_up(int at) {
    int fd = heap[at];
    while (at > 0 && streams[heap[(at - 1) / 2]]->due > streams[fd]->due) {
        heap_put(at, heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(at, fd);
}

static void heap_down(int at) {
    int fd = heap[at];
    for (;;) {
        int child = 2 * at + 1;
        if (child >= heap_length) break;
        if (child + 1 < heap_length && streams[heap[child + 1]]->due < streams[heap[child]]->due) child++;
        if (streams[heap[child]]->due >= streams[fd]->due) break;
        heap_put(at, heap[child]);
        at = child;
    }
    heap_put(at, fd);
}

static void heap_remove(int at) {
    streams[heap[at]]->heap_at = -1;
    int last = heap[--heap_length];
    if (at == heap_length) return;
    heap_put(at, last);
    heap_up(at);
    heap_down(streams[last]->heap_at);
}

static void drop(int fd) {
    struct stream *s = streams[fd];
    if (s->heap_at >= 0) heap_remove(s->heap_at);
    free(s->request);
    free(s);
    streams[fd] = NULL;
    close(fd);
}

static int put(int fd, const char *text, int length) {
    ssize_t done = send(fd, text, length, MSG_NOSIGNAL);
    return done == length ? 0 : -1; /* a client that does not read is dropped */
}

static int frame(char *into, const char *event) {
    return sprintf(into, "%x\r\n%s\r\n", (int)strlen(event), event);
}

static void prepare_chunk(struct stream *s) {
    char event[448], text[128] = "";
    for (int i = 0; i < tokens_per_chunk && i < 16; i++) strcat(text, " token");
    if (s->chat)
        snprintf(event, sizeof event,
                 "data: {\"id\":\"chatcmpl-%010ld\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                 "\"model\":\"stub\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},"
                 "\"logprobs\":null,\"finish_reason\":null}]}\n\n", s->record, text);
    else
        snprintf(event, sizeof event,
                 "data: {\"id\":\"cmpl-%010ld\",\"object\":\"text_completion\",\"created\":1700000000,"
                 "\"model\":\"stub\",\"choices\":[{\"index\":0,\"text\":\"%s\",\"logprobs\":null,"
                 "\"finish_reason\":null}],\"usage\":null}\n\n", s->record, text);
    s->chunk_length = frame(s->chunk, event);
}

static void begin(int fd, struct stream *s, int header_length, int body_length, int64_t arrived) {
    char *body = s->request + header_length, saved = body[body_length];
    body[body_length] = 0;
    const char *asked = strstr(body, "\"max_tokens\":");
    s->tokens = asked ? atoi(asked + 13) : 16;
    s->chat = strstr(s->request, "/chat/") != NULL;
    s->sent = 0;
    body[body_length] = saved;
    memmove(s->request, body + body_length, s->filled - header_length - body_length);
    s->filled -= header_length + body_length;
    if (record_count == record_room) {
        record_room = record_room ? 2 * record_room : 1 << 14;
        records = realloc(records, record_room * sizeof *records);
    }
    records[record_count] = (struct record){.arrived = arrived, .tokens = s->tokens};
    s->record = record_count++;
    prepare_chunk(s);
    if (uniform() < refuse) s->tokens = -1;
    else if (uniform() < empty) s->tokens = 0;
    s->itl = itl * (1 + pace * uniform());
    s->due = arrived + ttft + (int64_t)(jitter * uniform()) + (uniform() < slow ? slow_by : 0);
    heap_put(heap_length, fd);
    heap_up(heap_length++);
}

static void readable(int fd) {
    struct stream *s = streams[fd];
    ssize_t got = recv(fd, s->request + s->filled, REQUEST - 1 - s->filled, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) { drop(fd); return; }
    if (got < 0) return;
    int64_t arrived = now();
    s->filled += got;
    s->request[s->filled] = 0;
    char *end = strstr(s->request, "\r\n\r\n");
    if (!end || s->heap_at >= 0) return;
    int header_length = end + 4 - s->request;
    char *length = strcasestr(s->request, "content-length:");
    int body_length = length && length < end ? atoi(length + 15) : 0;
    if (s->filled < header_length + body_length) return;
    if (!strncmp(s->request, "GET ", 4) || strstr(s->request, "/tokenize")) {
        static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        s->filled = 0;
        if (put(fd, missing, sizeof missing - 1)) drop(fd);
        return;
    }
    begin(fd, s, header_length, body_length, arrived);
}

static void finish(int fd, struct stream *s) {
    char tail[1024], event[512];
    snprintf(event, sizeof event,
             "data: {\"id\":\"cmpl-%010ld\",\"object\":\"chunk\",\"created\":1700000000,\"model\":\"stub\",\"choices\":[],"
             "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
             s->record, s->tokens, 100 + s->tokens);
    int length = frame(tail, event);
    length += frame(tail + length, "data: [DONE]\n\n");
    length += sprintf(tail + length, "0\r\n\r\n");
    heap_remove(s->heap_at);
    records[s->record].end = now();
    if (put(fd, tail, length)) drop(fd);
}

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

static void due(int fd) {
    struct stream *s = streams[fd];
    struct record *r = &records[s->record];
    int64_t t = now();
    if (s->tokens < 0) {
        static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
        heap_remove(s->heap_at);
        if (put(fd, busy, sizeof busy - 1)) drop(fd);
        return;
    }
    if (s->tokens == 0) {
        if (put(fd, HEAD, sizeof HEAD - 1)) { drop(fd); return; }
        finish(fd, s);
        return;
    }
    if (s->sent == 0) {
        char first[1024];
        memcpy(first, HEAD, sizeof HEAD - 1);
        memcpy(first + sizeof HEAD - 1, s->chunk, s->chunk_length);
        r->first = t;
        if (put(fd, first, sizeof HEAD - 1 + s->chunk_length)) { drop(fd); return; }
    } else if (put(fd, s->chunk, s->chunk_length)) { drop(fd); return; }
    r->last = t;
    r->late += t - s->due;
    s->sent += tokens_per_chunk;
    if (s->sent >= s->tokens) { finish(fd, s); return; }
    if (s->sent % burst == 0) s->due += burst * s->itl + (uniform() < stall ? stall_by : 0);
    heap_down(s->heap_at);
}

static void take(int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        streams[fd] = calloc(1, sizeof(struct stream));
        streams[fd]->request = malloc(REQUEST);
        streams[fd]->heap_at = -1;
        struct epoll_event watch = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &watch);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "stub TTFT_US ITL_US LOG [TOKENS_PER_CHUNK]\n"); return 2; }
    ttft = atoll(argv[1]) * 1000;
    itl = atoll(argv[2]) * 1000;
    if (argc > 4) tokens_per_chunk = atoi(argv[4]);
    for (int i = 5; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) { fprintf(stderr, "stub: NAME=VALUE, not %s\n", argv[i]); return 2; }
        *value++ = 0;
        double number = atof(value);
        if (!strcmp(argv[i], "seed")) random_state += 0x9E3779B97F4A7C15ULL * (uint64_t)(number + 1);
        else if (!strcmp(argv[i], "jitter")) jitter = number * 1000;
        else if (!strcmp(argv[i], "slow")) slow = number;
        else if (!strcmp(argv[i], "slow_us")) slow_by = number * 1000;
        else if (!strcmp(argv[i], "stall")) stall = number;
        else if (!strcmp(argv[i], "stall_us")) stall_by = number * 1000;
        else if (!strcmp(argv[i], "pace")) pace = number;
        else if (!strcmp(argv[i], "burst")) burst = number;
        else if (!strcmp(argv[i], "refuse")) refuse = number;
        else if (!strcmp(argv[i], "empty")) empty = number;
        else { fprintf(stderr, "stub: no %s\n", argv[i]); return 2; }
    }
    for (int i = 0; i < 20; i++) uniform();
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    struct rlimit files = {MAX_FD, MAX_FD};
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void *)&address, size) || listen(listener, 8192)) { perror("stub"); return 1; }
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    struct epoll_event watch = {.events = EPOLLIN, .data.fd = listener}, events[1024];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &watch);
    while (!over) {
        int64_t wait = heap_length ? streams[heap[0]]->due - now() : 100000000;
        if (wait < 0) wait = 0;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        int ready = epoll_pwait2(poller, events, 1024, &timeout, NULL);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) take(listener);
            else if (streams[fd]) readable(fd);
        }
        int64_t t = now();
        while (heap_length && streams[heap[0]]->due <= t) due(heap[0]);
    }
    FILE *log = fopen(argv[3], "w");
    for (long i = 0; i < record_count && log; i++)
        fprintf(log, "%ld %ld %ld %ld %d %ld\n", (long)records[i].arrived, (long)records[i].first,
                (long)records[i].last, (long)records[i].end, records[i].tokens, (long)records[i].late);
    if (log) fclose(log);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    fprintf(stderr, "stub: %ld answers, %.2f s of CPU\n", record_count,
            used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
