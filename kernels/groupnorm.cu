// groupnorm.cu: group normalisation of channels-last maps, then an optional SiLU.
//
// Math       z = (x - mean) * rsqrt(var + eps) * weight[c] + bias[c] with mean and biased variance over the pixels and channels of a group of
//            one picture; y = silu ? z / (1 + exp(-z)) : z.
// Shapes     x, y [n, pixels, channels], y may be x; weight, bias [channels] float; groups divides channels.
// Precision  float statistics: per thread and channel, sums of differences to the chunk's first value; parts are merged by
//            Chan's formula in a fixed order (mean first, then the squares around it), so that no large number is subtracted from another.
// Launch     stats and apply: `threads` threads (256, or 512 or 1024 where a row has more vectors), grid (chunks, n); stats takes
//            threads * VEC * 8 bytes of dynamic shared memory. finish: 128 threads, grid (groups, n).
// Bytes      x twice, y once: 0.19 ms for 1024x1024x128 bf16 at 4.2 TB/s.
// Measured   H200, 2026-11-23, bf16, 32 groups, with SiLU: 128^2 x 512 0.027 ms, 256^2 x 512 0.071, 512^2 x 256 0.120, 1024^2 x 128 0.219, 1024^2 x 256 0.416
//            = 1.9, 2.8, 3.4, 3.7, 3.9 TB/s (copy: 4.2); those of the 1024x1024 decoder 3.3 ms, floor 2.6.
//            In a decode of the full model (zimage bench --kernels): 3.6 ms for all.
// Entries    groupnorm_stats_{bf16,f32}, groupnorm_finish, groupnorm_apply_{bf16,f32}: 16-byte vectors, channels a multiple of 8 (bf16) or 4 (f32);
//            groupnorm_{stats,apply}_scalar_{bf16,f32}: any channels
// Host half  CudaBackend.GroupNorm.cs
// Source     own
#include "common/ptx.cuh"
#include "common/reduce.cuh"

struct GroupNormParams {
    const void* x;
    void* y;
    const float* weight;
    const float* bias;
    float* partials;    // [n, groups, chunks] of (mean, sum of squares around it)
    float* statistics;  // [n, groups] of (mean, rstd)
    int64_t pixels;
    int channels, groups;
    int chunks, chunkRows;  // of the statistics; the last chunk may be shorter
    int applyRows;          // rows of an apply block
    int silu;
    float eps;
    int reserved;
};
static_assert(sizeof(GroupNormParams) == 88, "mirrored in CudaBackend.GroupNorm.cs");

struct Moments {
    float mean, squares;
};

template <typename T, int VEC>
static __device__ __forceinline__ void groupnorm_stats(const GroupNormParams& p) {
    extern __shared__ __align__(16) uint8_t raw[];
    Moments* shared = reinterpret_cast<Moments*>(raw);  // [lanes][channels]
    int columns = p.channels / VEC, lanes = blockDim.x / columns;
    int column = threadIdx.x % columns, lane = threadIdx.x / columns;
    int64_t first = static_cast<int64_t>(blockIdx.x) * p.chunkRows;
    int rows = static_cast<int>(p.pixels - first < p.chunkRows ? p.pixels - first : p.chunkRows);
    if (lane < lanes) {
        const T* x = static_cast<const T*>(p.x) + (blockIdx.y * p.pixels + first) * p.channels + column * VEC;
        Pack<T, VEC> v = load_pack<T, VEC>(x);
        float shift[VEC], sum[VEC] = {}, squares[VEC] = {};
#pragma unroll
        for (int i = 0; i < VEC; i++) shift[i] = to_float(v.v[i]);
        int count = 0;
        auto add = [&](const Pack<T, VEC>& u) {
#pragma unroll
            for (int i = 0; i < VEC; i++) {
                float d = to_float(u.v[i]) - shift[i];
                sum[i] += d;
                squares[i] = fmaf(d, d, squares[i]);
            }
            count++;
        };
        int row = lane;
        for (; row + 3 * lanes < rows; row += 4 * lanes) {
            Pack<T, VEC> u[4];
#pragma unroll
            for (int k = 0; k < 4; k++) u[k] = load_pack<T, VEC>(x + static_cast<int64_t>(row + k * lanes) * p.channels);
#pragma unroll
            for (int k = 0; k < 4; k++) add(u[k]);
        }
        for (; row < rows; row += lanes) add(load_pack<T, VEC>(x + static_cast<int64_t>(row) * p.channels));
        float scale = count > 0 ? 1.0f / count : 0.0f;
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            float mean = sum[i] * scale;
            shared[lane * p.channels + column * VEC + i] = {shift[i] + mean, fmaxf(squares[i] - sum[i] * mean, 0.0f)};
        }
    }
    __syncthreads();

    // One warp a group. The parts of lane l cover the rows l, l + lanes, ..
    int width = p.channels / p.groups, parts = lanes * width;
    float total = static_cast<float>(rows) * width;
    for (int g = threadIdx.x >> 5; g < p.groups; g += blockDim.x >> 5) {
        float mean = 0.0f, squares = 0.0f;
        for (int i = threadIdx.x & 31; i < parts; i += 32) {
            int count = (rows - i / width + lanes - 1) / lanes;
            if (count > 0) mean += count * shared[i / width * p.channels + g * width + i % width].mean;
        }
        mean = warp_sum(mean) / total;
        for (int i = threadIdx.x & 31; i < parts; i += 32) {
            int count = (rows - i / width + lanes - 1) / lanes;
            if (count > 0) {
                Moments m = shared[i / width * p.channels + g * width + i % width];
                squares += fmaf(count * (m.mean - mean), m.mean - mean, m.squares);
            }
        }
        squares = warp_sum(squares);
        if ((threadIdx.x & 31) == 0) {
            reinterpret_cast<Moments*>(p.partials)[(static_cast<int64_t>(blockIdx.y) * p.groups + g) * p.chunks + blockIdx.x] = {mean, squares};
        }
    }
}

#if BUILDS(finish)
extern "C" __global__ void __launch_bounds__(128) groupnorm_finish(const __grid_constant__ GroupNormParams p) {
    __shared__ float scratch[4];
    int group = blockIdx.y * p.groups + blockIdx.x;
    const Moments* parts = reinterpret_cast<const Moments*>(p.partials) + static_cast<int64_t>(group) * p.chunks;
    float total = static_cast<float>(p.pixels) * static_cast<float>(p.channels / p.groups);
    auto share = [&](int i) {
        int64_t rest = p.pixels - static_cast<int64_t>(i) * p.chunkRows;
        return static_cast<float>(rest < p.chunkRows ? rest : p.chunkRows) * static_cast<float>(p.channels / p.groups);
    };
    float mean = 0.0f, squares = 0.0f;
    for (int i = threadIdx.x; i < p.chunks; i += 128) mean += share(i) / total * parts[i].mean;
    mean = block_sum<128>(mean, scratch);
    for (int i = threadIdx.x; i < p.chunks; i += 128) {
        float d = parts[i].mean - mean;
        squares += fmaf(share(i) * d, d, parts[i].squares);
    }
    squares = block_sum<128>(squares, scratch);
    if (threadIdx.x == 0) reinterpret_cast<Moments*>(p.statistics)[group] = {mean, 1.0f / sqrtf(squares / total + p.eps)};
}
#endif

// bf16 hides what the approximate instructions lose; float does not.
template <typename T>
static __device__ __forceinline__ float silu(float z);

template <>
__device__ __forceinline__ float silu<float>(float z) {
    return z / (1.0f + exp2f(-1.44269504f * z));
}

template <>
__device__ __forceinline__ float silu<bf16>(float z) {
    return z * rcp_approx(1.0f + exp2_approx(-1.44269504f * z));
}

template <typename T, int VEC>
static __device__ __forceinline__ void groupnorm_apply(const GroupNormParams& p) {
    int columns = p.channels / VEC, lanes = blockDim.x / columns;
    int column = threadIdx.x % columns, lane = threadIdx.x / columns;
    if (lane >= lanes) return;
    int64_t first = static_cast<int64_t>(blockIdx.x) * p.applyRows;
    int rows = static_cast<int>(p.pixels - first < p.applyRows ? p.pixels - first : p.applyRows);
    int64_t offset = (blockIdx.y * p.pixels + first) * p.channels + column * VEC;
    const T* x = static_cast<const T*>(p.x) + offset;
    T* y = static_cast<T*>(p.y) + offset;
    float mean[VEC], scale[VEC], bias[VEC];
    int width = p.channels / p.groups;
#pragma unroll
    for (int i = 0; i < VEC; i++) {
        int c = column * VEC + i;
        Moments m = reinterpret_cast<const Moments*>(p.statistics)[blockIdx.y * p.groups + c / width];
        mean[i] = m.mean;
        scale[i] = m.squares * p.weight[c];
        bias[i] = p.bias[c];
    }
    auto norm = [&](Pack<T, VEC> u, int row) {
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            float z = fmaf(to_float(u.v[i]) - mean[i], scale[i], bias[i]);
            u.v[i] = from_float<T>(p.silu ? silu<T>(z) : z);
        }
        store_pack<T, VEC>(y + static_cast<int64_t>(row) * p.channels, u);
    };
    int row = lane;
    for (; row + 3 * lanes < rows; row += 4 * lanes) {
        Pack<T, VEC> u[4];
#pragma unroll
        for (int k = 0; k < 4; k++) u[k] = load_pack<T, VEC>(x + static_cast<int64_t>(row + k * lanes) * p.channels);
#pragma unroll
        for (int k = 0; k < 4; k++) norm(u[k], row + k * lanes);
    }
    for (; row < rows; row += lanes) norm(load_pack<T, VEC>(x + static_cast<int64_t>(row) * p.channels), row);
}

#define GROUPNORM_ENTRY(name, type, vec)                                                                                \
    extern "C" __global__ void __launch_bounds__(1024) groupnorm_stats_##name(const __grid_constant__ GroupNormParams p) { groupnorm_stats<type, vec>(p); } \
    extern "C" __global__ void __launch_bounds__(1024) groupnorm_apply_##name(const __grid_constant__ GroupNormParams p) { groupnorm_apply<type, vec>(p); }
#if BUILDS(bf16)
GROUPNORM_ENTRY(bf16, bf16, 8)
#endif
#if BUILDS(scalar_bf16)
GROUPNORM_ENTRY(scalar_bf16, bf16, 1)
#endif
#if BUILDS(f32)
GROUPNORM_ENTRY(f32, float, 4)
GROUPNORM_ENTRY(scalar_f32, float, 1)
#endif
