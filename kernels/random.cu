// random: the standard normal numbers of PyTorch's CUDA generator, bit for bit.
//
// Math       Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), key = seed,
//            counter = (offset / 4 + round, thread); the four words of a block give four numbers by cuRAND's Box-Muller.
//            PyTorch's thread t owns, in round r, elements (4 r + k) * threads + t.
//            normal: y = r; weight: y = shift + scale * r.
// Shapes     y dense, up to 2^29 elements a launch; larger draws are split on the host as PyTorch splits them.
// Precision  the float operations that nvcc makes of cuRAND: fma in the two uniforms, logf, a rounded square root, sin.approx and cos.approx; PyTorch
//            adds the mean 0, which makes -0 to +0. weight: product, sum and conversion rounded one by one.
// Launch     256 threads; a thread here is one (round, thread) of PyTorch's, so that the grid need not be PyTorch's grid.
// Bytes      sizeof(T) per element; about 100 integer operations per 4 elements.
// Measured   H200, 2026-11-23, in a graph: 39.3 M elements in 101 us (normal) and 107 us (weight). Bit-equal to torch 2.11 for counts 1, 5, 100,
//            4097, 10^6, 12345678, 2^26 + 7 and 2^29 + 5, seeds 0, 42, 2^40 + 3 and 2^64 - 5, first and second draw.
// Entries    random_normal_f32, random_weight_bf16
// Host half  CudaBackend.Random.cs
// Source     ours; the layout was found by comparing with PyTorch.
#include "common/types.cuh"

struct RandomParams {
    void* y;
    uint64_t seed;
    uint64_t counter;  // offset / 4
    int64_t count;
    int64_t threads;  // of PyTorch's grid
    int64_t blocks;   // Philox blocks to draw: threads * rounds
    float scale;
    float shift;
};
static_assert(sizeof(RandomParams) == 56);


static __device__ __forceinline__ void philox(uint32_t (&x)[4], uint64_t key) {
    uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * x[0];
        const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * x[2];
        x[0] = static_cast<uint32_t>(p1 >> 32) ^ x[1] ^ key0;
        x[1] = static_cast<uint32_t>(p1);
        x[2] = static_cast<uint32_t>(p0 >> 32) ^ x[3] ^ key1;
        x[3] = static_cast<uint32_t>(p0);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

static __device__ __forceinline__ void box_muller(uint32_t x, uint32_t y, float* normals) {
    constexpr float kStep = 2.3283064e-10f;              // 2^-32
    constexpr float kAngleStep = 2.3283064e-10f * 6.2831855f;
    const float u = fmaf(__uint2float_rn(x), kStep, kStep / 2.0f);
    const float v = fmaf(__uint2float_rn(y), kAngleStep, kAngleStep / 2.0f);
    const float radius = __fsqrt_rn(__fmul_rn(-2.0f, logf(u)));
    float sine, cosine;
    asm("sin.approx.f32 %0, %1;" : "=f"(sine) : "f"(v));
    asm("cos.approx.f32 %0, %1;" : "=f"(cosine) : "f"(v));
    normals[0] = __fadd_rn(__fmul_rn(sine, radius), 0.0f);
    normals[1] = __fadd_rn(__fmul_rn(cosine, radius), 0.0f);
}

// The four numbers of the (round, thread) that this thread stands for, and where the first one goes; the others follow p.threads apart.
static __device__ __forceinline__ bool draw(const RandomParams& p, float (&normals)[4], int64_t& first) {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= p.blocks) return false;
    const int64_t round = index / p.threads;
    const int64_t thread = index - round * p.threads;
    first = 4 * round * p.threads + thread;
    const uint64_t counter = p.counter + static_cast<uint64_t>(round);
    uint32_t x[4] = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), static_cast<uint32_t>(thread), 0u};
    philox(x, p.seed);
    box_muller(x[0], x[1], normals);
    box_muller(x[2], x[3], normals + 2);
    return true;
}

extern "C" __global__ void __launch_bounds__(256) random_normal_f32(const __grid_constant__ RandomParams p) {
    float normals[4];
    int64_t first;
    if (!draw(p, normals, first)) return;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        if (first + k * p.threads < p.count) static_cast<float*>(p.y)[first + k * p.threads] = normals[k];
    }
}

extern "C" __global__ void __launch_bounds__(256) random_weight_bf16(const __grid_constant__ RandomParams p) {
    float normals[4];
    int64_t first;
    if (!draw(p, normals, first)) return;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        float x = __fmul_rn(p.scale, normals[k]);
        if (p.shift != 0.0f) x = __fadd_rn(p.shift, x);  // no sum without a shift: it would turn -0 into +0
        if (first + k * p.threads < p.count) static_cast<bf16*>(p.y)[first + k * p.threads] = from_float<bf16>(x);
    }
}
