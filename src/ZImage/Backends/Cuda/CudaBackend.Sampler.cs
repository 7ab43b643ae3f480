using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>sampler_blend</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BlendParams
{
    public nint X;
    public nint Y;
    public long Count;
    public float A;
    public float B;
}

/// <summary>Parameters of <c>sampler_guide</c> and <c>sampler_shrink</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GuidanceParams
{
    public nint Positive;
    public nint Negative;
    public nint Sums;
    public long Count;
    public int Blocks;
    public float Scale;
    public float Bound;
}

/// <summary>Parameters of <c>sampler_nonfinite</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NonFiniteParams
{
    public nint X;
    public nint Counter;
    public long Count;
    public int Width;
    public int Stride;
    public int Type;
}

public sealed partial class CudaBackend
{
    // More blocks than these only take turns: the kernels walk over what a grid leaves.
    private const int MostSamplerBlocks = 1024;

    // Blocks of guide. Not a number of the device: the order of the sums, and so their last bit, is the same on all.
    private const int MostGuidanceBlocks = 512;

    private CudaKernel samplerBlend;
    private CudaKernel samplerGuide;
    private CudaKernel samplerShrink;
    private CudaKernel samplerNonFinite;

    /// <inheritdoc/>
    public void EulerStep(Tensor latents, Tensor prediction, float sigma, float sigmaNext)
    {
        OperatorChecks.DensePair(nameof(EulerStep), DType.F32, latents, prediction);

        // The sign of the prediction moves to the step: that changes no rounding.
        LaunchBlend(sigma - sigmaNext, prediction, 1f, latents);
    }

    /// <inheritdoc/>
    public void Guidance(Tensor positive, Tensor negative, float scale, float normalization)
    {
        OperatorChecks.DensePair(nameof(Guidance), DType.F32, positive, negative);
        if (positive.Count == 0)
        {
            return;
        }

        bool bounded = normalization > 0;
        int blocks = SamplerBlocks(positive.Count, MostGuidanceBlocks);
        GuidanceParams parameters = new()
        {
            Positive = positive.Address,
            Negative = negative.Address,
            Sums = bounded ? Scratch(blocks * 2L * sizeof(double)) : 0,
            Count = positive.Count,
            Blocks = blocks,
            Scale = scale,
            Bound = normalization,
        };
        Launch(Cached(ref samplerGuide, "sampler", "sampler_guide"), new CudaGrid(blocks), ElementThreads, 0, in parameters);
        if (bounded)
        {
            Launch(Cached(ref samplerShrink, "sampler", "sampler_shrink"), new CudaGrid(blocks), ElementThreads, 0, in parameters);
        }
    }

    /// <inheritdoc/>
    public void Blend(float a, Tensor x, float b, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Blend), DType.F32, x, y);
        LaunchBlend(a, x, b, y);
    }

    /// <summary>Adds the number of elements that are infinite or not a number to a counter on the device. Does not wait.</summary>
    /// <param name="x">Any shape, rows may have gaps; a weight type.</param>
    /// <param name="deviceCounter">Address of an unsigned 32-bit integer, which the caller has set to 0.</param>
    internal void NonFiniteCount(Tensor x, nint deviceCounter)
    {
        if (x.Count == 0)
        {
            return;
        }

        NonFiniteParams parameters = new()
        {
            X = x.Address,
            Counter = deviceCounter,
            Count = x.Count,
            Width = x.RowLength,
            Stride = x.RowStride,
            Type = KernelType(x.DType),
        };
        int blocks = SamplerBlocks(x.Count, MostSamplerBlocks);
        Launch(Cached(ref samplerNonFinite, "sampler", "sampler_nonfinite"), new CudaGrid(blocks), ElementThreads, 0, in parameters);
    }

    private static int SamplerBlocks(long count, int most) => (int)Math.Min(most, (count + ElementThreads - 1) / ElementThreads);

    private void LaunchBlend(float a, Tensor x, float b, Tensor y)
    {
        if (x.Count == 0)
        {
            return;
        }

        BlendParams parameters = new() { X = x.Address, Y = y.Address, Count = x.Count, A = a, B = b };
        int blocks = SamplerBlocks(x.Count, MostSamplerBlocks);
        Launch(Cached(ref samplerBlend, "sampler", "sampler_blend"), new CudaGrid(blocks), ElementThreads, 0, in parameters);
    }
}
