/* A stand-in for libnvidia-ml.so.1: says what the file named by FAKE_NVML_STATE tells it to.
 *
 * One word and its value a line; the file is read anew at every call:
 *   driver 570.86.15          init_error 9              count 2
 *   gpu0.uuid GPU-a           gpu0.name NVIDIA H100     gpu0.total 85899345920
 *   gpu0.reserved 1           gpu0.used 0               gpu0.lost 1
 *   gpu0.gpu_load 50          gpu0.memory_load 20       gpu0.power 350000
 *   gpu0.energy 1000          gpu0.temperature 60       gpu0.sm_clock 1980
 *   gpu0.memory_clock 2619    gpu0.throttle 4           gpu0.pcie 1000
 *   gpu0.power_limit 700000   gpu0.most_sm_clock 1980
 *   gpu0.process 123 1048576  gpu0.drawing 124 1024     gpu0.bus 0000:01:00.0
 *   gpu0.mig 1                gpu0.slice0.uuid MIG-a    gpu0.slice0.name NVIDIA H100 MIG 1g.10gb
 *   path 0 1 10               p2p 0 1 0                 gpu0.lane0 0000:02:00.0
 *   error nvmlDeviceGetPowerUsage 3
 *   hang nvmlDeviceGetPowerUsage 1       until the file does not say so any more
 * Structures are those of the binding, pynvml.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned int u32;
typedef unsigned long long u64;
typedef int nvml;
typedef struct { int gpu, slice; } *device; /* slice is -1 for a board */
typedef struct { u64 total, free, used; } memory_v1;
typedef struct { u32 version; u64 total, reserved, free, used; } memory_v2;
typedef struct { u32 gpu, memory; } utilization;
typedef struct { u32 pid; u64 used; u32 gpu_instance, compute_instance; } process;
typedef struct { char legacy[16]; u32 domain, bus, device, id, subsystem; char bus_id[32]; } pci;

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7,
       LOST = 15 };
enum { BOARDS = 16, SLICES = 8, LINE = 256 };

static int initialised;
static struct { int gpu, slice; } handles[BOARDS * (SLICES + 1)];

/* Copies the nth value of a key into text and returns it, NULL if there is none. */
static const char *value(const char *key, int nth, char *text) {
    const char *path = getenv("FAKE_NVML_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    size_t length = strlen(key);
    const char *found = NULL;
    if (!file) return NULL;
    while (!found && fgets(text, LINE, file)) {
        if (strncmp(text, key, length) || text[length] != ' ') continue;
        if (nth-- > 0) continue;
        text[strcspn(text, "\n")] = 0;
        memmove(text, text + length + 1, strlen(text + length + 1) + 1);
        found = text;
    }
    fclose(file);
    return found;
}

static u64 number(const char *key, u64 fallback) {
    char text[LINE];
    return value(key, 0, text) ? strtoull(text, NULL, 10) : fallback;
}

static nvml fails(const char *function) {
    char key[LINE];
    snprintf(key, LINE, "hang %s", function);
    while (number(key, 0)) usleep(5000);
    snprintf(key, LINE, "error %s", function);
    if (!initialised) return UNINITIALIZED;
    return (nvml)number(key, OK);
}

static const char *of(device d, const char *field, char *key) {
    if (d->slice < 0) snprintf(key, LINE, "gpu%d.%s", d->gpu, field);
    else snprintf(key, LINE, "gpu%d.slice%d.%s", d->gpu, d->slice, field);
    return key;
}

static nvml ask(const char *function, device d, const char *field, u64 *answer) {
    char key[LINE], text[LINE];
    nvml error = fails(function);
    if (error) return error;
    if (!d) return INVALID;
    snprintf(key, LINE, "gpu%d.lost", d->gpu);
    if (number(key, 0)) return LOST;
    if (!value(of(d, field, key), 0, text)) return NOT_SUPPORTED;
    *answer = strtoull(text, NULL, 10);
    return OK;
}

static device handle(int gpu, int slice) {
    int place = gpu * (SLICES + 1) + slice + 1;
    handles[place].gpu = gpu;
    handles[place].slice = slice;
    return (device)&handles[place];
}

static nvml say(const char *function, device d, const char *field, char *out, u32 size) {
    char key[LINE], text[LINE];
    nvml error = fails(function);
    if (error) return error;
    snprintf(key, LINE, "gpu%d.lost", d->gpu);
    if (number(key, 0)) return LOST;
    if (!value(of(d, field, key), 0, text)) return NOT_SUPPORTED;
    snprintf(out, size, "%s", text);
    return OK;
}

static nvml simple(const char *function, device d, const char *field, u32 *out) {
    u64 answer = 0;
    nvml error = ask(function, d, field, &answer);
    if (!error) *out = (u32)answer;
    return error;
}

nvml nvmlInitWithFlags(u32 flags) {
    nvml error = (nvml)number("init_error", OK);
    (void)flags;
    initialised = !error;
    return error;
}
nvml nvmlShutdown(void) { initialised = 0; return OK; }
nvml nvmlSystemGetDriverVersion(char *out, u32 size) {
    char text[LINE];
    nvml error = fails("nvmlSystemGetDriverVersion");
    if (error) return error;
    snprintf(out, size, "%s", value("driver", 0, text) ? text : "");
    return OK;
}
const char *nvmlErrorString(nvml error) { return error == LOST ? "GPU is lost" : "an error"; }
nvml nvmlDeviceGetCount_v2(u32 *count) {
    nvml error = fails("nvmlDeviceGetCount");
    if (!error) *count = (u32)number("count", 0);
    return error;
}
nvml nvmlDeviceGetHandleByIndex_v2(u32 index, device *out) {
    nvml error = fails("nvmlDeviceGetHandleByIndex");
    if (error) return error;
    if (index >= number("count", 0)) return INVALID;
    *out = handle((int)index, -1);
    return OK;
}
nvml nvmlDeviceGetHandleByUUID(const char *uuid, device *out) {
    char key[LINE], text[LINE];
    nvml error = fails("nvmlDeviceGetHandleByUUID");
    if (error) return error;
    for (int gpu = 0; gpu < (int)number("count", 0); gpu++)
        for (int slice = -1; slice < SLICES; slice++) {
            device d = handle(gpu, slice);
            if (value(of(d, "uuid", key), 0, text) && !strcmp(text, uuid)) {
                snprintf(key, LINE, "gpu%d.lost", gpu);
                *out = d;
                return number(key, 0) ? LOST : OK;
            }
        }
    return NOT_FOUND;
}
nvml nvmlDeviceGetUUID(device d, char *out, u32 size) {
    return say("nvmlDeviceGetUUID", d, "uuid", out, size);
}
nvml nvmlDeviceGetName(device d, char *out, u32 size) {
    return say("nvmlDeviceGetName", d, "name", out, size);
}
nvml nvmlDeviceGetMemoryInfo(device d, memory_v1 *out) {
    u64 reserved = 0;
    nvml error = ask("nvmlDeviceGetMemoryInfo", d, "total", &out->total);
    if (error) return error;
    ask("nvmlDeviceGetMemoryInfo", d, "reserved", &reserved);
    if (ask("nvmlDeviceGetMemoryInfo", d, "used", &out->used)) out->used = 0;
    out->used += reserved;
    out->free = out->total - out->used;
    return OK;
}
nvml nvmlDeviceGetMemoryInfo_v2(device d, memory_v2 *out) {
    nvml error = fails("nvmlDeviceGetMemoryInfo_v2");
    if (error) return error;
    if (out->version != (sizeof(memory_v2) | 2u << 24)) return INVALID;
    error = ask("nvmlDeviceGetMemoryInfo", d, "total", &out->total);
    if (error) return error;
    if (ask("nvmlDeviceGetMemoryInfo", d, "reserved", &out->reserved)) out->reserved = 0;
    if (ask("nvmlDeviceGetMemoryInfo", d, "used", &out->used)) out->used = 0;
    out->free = out->total - out->reserved - out->used;
    return OK;
}
nvml nvmlDeviceGetUtilizationRates(device d, utilization *out) {
    nvml error = simple("nvmlDeviceGetUtilizationRates", d, "gpu_load", &out->gpu);
    return error ? error : simple("nvmlDeviceGetUtilizationRates", d, "memory_load", &out->memory);
}
nvml nvmlDeviceGetPowerUsage(device d, u32 *milliwatts) {
    return simple("nvmlDeviceGetPowerUsage", d, "power", milliwatts);
}
nvml nvmlDeviceGetEnforcedPowerLimit(device d, u32 *milliwatts) {
    return simple("nvmlDeviceGetEnforcedPowerLimit", d, "power_limit", milliwatts);
}
nvml nvmlDeviceGetMaxClockInfo(device d, u32 clock, u32 *mhz) {
    return clock == 1 ? simple("nvmlDeviceGetMaxClockInfo", d, "most_sm_clock", mhz) : NOT_SUPPORTED;
}
nvml nvmlDeviceGetTotalEnergyConsumption(device d, u64 *millijoules) {
    return ask("nvmlDeviceGetTotalEnergyConsumption", d, "energy", millijoules);
}
nvml nvmlDeviceGetTemperature(device d, u32 sensor, u32 *celsius) {
    return sensor ? INVALID : simple("nvmlDeviceGetTemperature", d, "temperature", celsius);
}
nvml nvmlDeviceGetClockInfo(device d, u32 clock, u32 *mhz) {
    return simple("nvmlDeviceGetClockInfo", d, clock == 1 ? "sm_clock" : "memory_clock", mhz);
}
nvml nvmlDeviceGetCurrentClocksEventReasons(device d, u64 *reasons) {
    return ask("nvmlDeviceGetCurrentClocksEventReasons", d, "throttle", reasons);
}
nvml nvmlDeviceGetCurrentClocksThrottleReasons(device d, u64 *reasons) {
    return ask("nvmlDeviceGetCurrentClocksThrottleReasons", d, "throttle", reasons);
}
nvml nvmlDeviceGetPcieThroughput(device d, u32 counter, u32 *kilobytes) {
    (void)counter;
    return simple("nvmlDeviceGetPcieThroughput", d, "pcie", kilobytes);
}
nvml nvmlDeviceGetPciInfo_v3(device d, pci *out) {
    memset(out, 0, sizeof *out);
    return say("nvmlDeviceGetPciInfo", d, "bus", out->bus_id, sizeof out->bus_id);
}
static nvml processes(const char *function, device d, const char *field, u32 *count, process *out) {
    char key[LINE], text[LINE];
    u32 found = 0, room = *count;
    nvml error = fails(function);
    if (error) return error;
    for (; value(of(d, field, key), (int)found, text); found++)
        if (out && found < room) {
            memset(&out[found], 0, sizeof *out);
            sscanf(text, "%u %llu", &out[found].pid, &out[found].used);
        }
    *count = found;
    return found > (out ? room : 0) ? TOO_SMALL : OK;
}
nvml nvmlDeviceGetComputeRunningProcesses_v3(device d, u32 *count, process *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses_v3", d, "process", count, out);
}
nvml nvmlDeviceGetComputeRunningProcesses_v2(device d, u32 *count, process *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses_v2", d, "process", count, out);
}
nvml nvmlDeviceGetGraphicsRunningProcesses_v3(device d, u32 *count, process *out) {
    return processes("nvmlDeviceGetGraphicsRunningProcesses_v3", d, "drawing", count, out);
}
nvml nvmlDeviceGetMigMode(device d, u32 *now, u32 *pending) {
    nvml error = simple("nvmlDeviceGetMigMode", d, "mig", now);
    *pending = *now;
    return error;
}
nvml nvmlDeviceGetMaxMigDeviceCount(device d, u32 *count) {
    (void)d;
    *count = SLICES;
    return fails("nvmlDeviceGetMaxMigDeviceCount");
}
nvml nvmlDeviceGetMigDeviceHandleByIndex(device d, u32 index, device *out) {
    char key[LINE], text[LINE];
    nvml error = fails("nvmlDeviceGetMigDeviceHandleByIndex");
    if (error) return error;
    *out = handle(d->gpu, (int)index);
    return value(of(*out, "uuid", key), 0, text) ? OK : NOT_FOUND;
}
static u64 of_pair(const char *word, device one, device other, u64 fallback) {
    char key[LINE];
    int low = one->gpu < other->gpu ? one->gpu : other->gpu;
    int high = one->gpu < other->gpu ? other->gpu : one->gpu;
    snprintf(key, LINE, "%s %d %d", word, low, high);
    return number(key, fallback);
}
nvml nvmlDeviceGetTopologyCommonAncestor(device one, device other, u32 *level) {
    *level = (u32)of_pair("path", one, other, 50);
    return fails("nvmlDeviceGetTopologyCommonAncestor");
}
nvml nvmlDeviceGetP2PStatus(device one, device other, u32 kind, u32 *status) {
    *status = (u32)of_pair("p2p", one, other, 5);
    return kind == 2 ? fails("nvmlDeviceGetP2PStatus") : INVALID;
}
nvml nvmlDeviceGetNvLinkState(device d, u32 lane, u32 *active) {
    char field[LINE], key[LINE], text[LINE];
    snprintf(field, LINE, "lane%u", lane);
    *active = value(of(d, field, key), 0, text) != NULL;
    return *active ? fails("nvmlDeviceGetNvLinkState") : NOT_SUPPORTED;
}
nvml nvmlDeviceGetNvLinkRemotePciInfo_v2(device d, u32 lane, pci *out) {
    char field[LINE];
    snprintf(field, LINE, "lane%u", lane);
    memset(out, 0, sizeof *out);
    return say("nvmlDeviceGetNvLinkRemotePciInfo", d, field, out->bus_id, sizeof out->bus_id);
}
