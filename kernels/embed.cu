// embed: rows of an embedding table, and the sinusoid of a time.
//
// Math       gather: y[i] = table[ids[i]]
//            time:   y[i] = [cos(a_0), ..., sin(a_0), ...], a_j = times[i] * exp(-ln(10000) * j / half), half = width / 2; an odd last element is 0
// Shapes     table [any, width] bf16, f16 or float; ids, times on the device; y [rows, width], rows may have gaps.
// Precision  time: the steps of the angle rounded to float one by one, as the reference rounds them; the exponential goes through double, because an
//            ulp of it moves an angle of 1000 by 6e-5; cosf and sinf reduce any angle.
// Launch     256 threads, one element a thread: grid (rows, columns / 256).
// Bytes      gather 2 * rows * width * 2: 512 tokens of 2560: 5 MB.
// Measured   not by itself: a launch, once per prompt and once per schedule.
// Entries    embed_{gather,time}_{bf16,f32}
// Host half  CudaBackend.Embedding.cs
// Source     ours.
#include "common/convert.cuh"

struct GatherParams {
    const void* table;
    const int32_t* ids;
    void* y;
    int32_t width;
    int32_t table_stride;
    int32_t y_stride;
    int32_t table_type;
};
static_assert(sizeof(GatherParams) == 40);

struct TimeParams {
    const float* times;
    void* y;
    int32_t width;
    int32_t y_stride;
};
static_assert(sizeof(TimeParams) == 24);

template <typename T>
static __device__ __forceinline__ void gather(const GatherParams& p) {
    const int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= p.width) return;
    const int64_t row = blockIdx.x;
    const float x = load_element(p.table, static_cast<int64_t>(p.ids[row]) * p.table_stride + column, p.table_type);
    static_cast<T*>(p.y)[row * p.y_stride + column] = from_float<T>(x);
}

template <typename T>
static __device__ __forceinline__ void time_embedding(const TimeParams& p) {
    const int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= p.width) return;
    const int64_t row = blockIdx.x;
    const int half = p.width / 2;
    float y = 0.0f;
    if (column < 2 * half) {
        const int j = column < half ? column : column - half;
        const float exponent = __fdiv_rn(__fmul_rn(-9.210340371976184f, static_cast<float>(j)), static_cast<float>(half));
        const float angle = __fmul_rn(p.times[row], static_cast<float>(exp(static_cast<double>(exponent))));
        y = column < half ? cosf(angle) : sinf(angle);
    }
    static_cast<T*>(p.y)[row * p.y_stride + column] = from_float<T>(y);
}

extern "C" __global__ void __launch_bounds__(256) embed_gather_bf16(const __grid_constant__ GatherParams p) { gather<bf16>(p); }
extern "C" __global__ void __launch_bounds__(256) embed_gather_f32(const __grid_constant__ GatherParams p) { gather<float>(p); }
extern "C" __global__ void __launch_bounds__(256) embed_time_bf16(const __grid_constant__ TimeParams p) { time_embedding<bf16>(p); }
extern "C" __global__ void __launch_bounds__(256) embed_time_f32(const __grid_constant__ TimeParams p) { time_embedding<float>(p); }
