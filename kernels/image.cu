// image.cu: between latents, activations and pixels.
//
// Math       to_channels_last  y[n, p, c] = x[n, c, p] * a + b
//            to_latents        y[n, c, p] = (x[n, p, c] + a) * b, the first c of `stored` channels
//            to_rgb8           y = round_half_even(clamp(x / 2 + 0.5, 0, 1) * 255), NaN gives 0
//            from_rgb8         y = 2 * (x / 255) - 1
// Shapes     latents [n, channels, pixels] float, activations [n, pixels, stored] in T, pictures [h, w, 3] bytes and T
// Precision  float arithmetic, each product and sum rounded by itself as on the processor
// Launch     256 threads, grid ceil(count / 256); the rgb8 kernels take 4 elements a thread: ceil(count / 1024)
// Bytes      each element once; at 1024x1024 9.4 MB, 2 us
// Measured   checked on H200, 2026-11-23; not timed: below 1 % of a decode
// Entries    image_{to_channels_last,to_latents,to_rgb8,from_rgb8}_{bf16,f32}
// Host half  CudaBackend.Image.cs
// Source     own
#include "common/types.cuh"

struct ImageParams {
    const void* x;
    void* y;
    int64_t count;   // elements of the output
    int64_t pixels;  // of one picture
    int channels;    // of the latents
    int stored;      // channels of an activation row
    float a, b;
};
static_assert(sizeof(ImageParams) == 48, "mirrored in CudaBackend.Image.cs");

static __device__ __forceinline__ int64_t image_index() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

template <typename T>
static __device__ __forceinline__ void to_channels_last(const ImageParams& p) {
    int64_t i = image_index();
    if (i >= p.count) return;
    int64_t row = i / p.channels, item = row / p.pixels;
    int c = static_cast<int>(i - row * p.channels);
    float x = static_cast<const float*>(p.x)[(item * p.channels + c) * p.pixels + (row - item * p.pixels)];
    static_cast<T*>(p.y)[i] = from_float<T>(__fadd_rn(__fmul_rn(x, p.a), p.b));
}

template <typename T>
static __device__ __forceinline__ void to_latents(const ImageParams& p) {
    int64_t i = image_index();
    if (i >= p.count) return;
    int64_t plane = i / p.pixels, item = plane / p.channels, pixel = i - plane * p.pixels;
    int c = static_cast<int>(plane - item * p.channels);
    float x = to_float(static_cast<const T*>(p.x)[(item * p.pixels + pixel) * p.stored + c]);
    static_cast<float*>(p.y)[i] = (x + p.a) * p.b;
}

template <typename T>
static __device__ __forceinline__ void to_rgb8(const ImageParams& p) {
    int64_t i = image_index() * 4;
    uint8_t* y = static_cast<uint8_t*>(p.y);
    for (int64_t end = i + 4 < p.count ? i + 4 : p.count; i < end; i++) {
        float level = to_float(static_cast<const T*>(p.x)[i]) * 0.5f + 0.5f;
        // Written so that NaN fails both comparisons and becomes 0.
        level = level > 0.0f ? (level < 1.0f ? level : 1.0f) : 0.0f;
        y[i] = static_cast<uint8_t>(rintf(level * 255.0f));
    }
}

template <typename T>
static __device__ __forceinline__ void from_rgb8(const ImageParams& p) {
    int64_t i = image_index() * 4;
    for (int64_t end = i + 4 < p.count ? i + 4 : p.count; i < end; i++) {
        static_cast<T*>(p.y)[i] = from_float<T>(2.0f * (static_cast<float>(static_cast<const uint8_t*>(p.x)[i]) / 255.0f) - 1.0f);
    }
}

#define IMAGE_ENTRIES(T, suffix)                                                                                                      \
    extern "C" __global__ void image_to_channels_last_##suffix(const __grid_constant__ ImageParams p) { to_channels_last<T>(p); }     \
    extern "C" __global__ void image_to_latents_##suffix(const __grid_constant__ ImageParams p) { to_latents<T>(p); }                 \
    extern "C" __global__ void image_to_rgb8_##suffix(const __grid_constant__ ImageParams p) { to_rgb8<T>(p); }                       \
    extern "C" __global__ void image_from_rgb8_##suffix(const __grid_constant__ ImageParams p) { from_rgb8<T>(p); }

#if BUILDS(bf16)
IMAGE_ENTRIES(bf16, bf16)
#endif
#if BUILDS(f32)
IMAGE_ENTRIES(float, f32)
#endif
