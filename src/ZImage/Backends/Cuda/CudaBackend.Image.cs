using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private CudaKernel toChannelsLastKernel;
    private CudaKernel toLatentsKernel;
    private CudaKernel toRgb8Kernel;
    private CudaKernel fromRgb8Kernel;

    /// <inheritdoc/>
    public void LatentsToChannelsLast(Tensor x, float scale, float shift, Tensor y)
    {
        OperatorChecks.LatentsToChannelsLast(ActivationType, x, y);
        LaunchImage(ref toChannelsLastKernel, "image_to_channels_last_bf16", "image_to_channels_last_f32", 1, new()
        {
            X = x.Address,
            Y = y.Address,
            Count = y.Count,
            Pixels = (long)x.Shape[2] * x.Shape[3],
            Channels = x.Shape[1],
            Stored = x.Shape[1],
            A = scale,
            B = shift,
        });
    }

    /// <inheritdoc/>
    public void ChannelsLastToLatents(Tensor x, float shift, float scale, Tensor y)
    {
        OperatorChecks.ChannelsLastToLatents(ActivationType, x, y);
        LaunchImage(ref toLatentsKernel, "image_to_latents_bf16", "image_to_latents_f32", 1, new()
        {
            X = x.Address,
            Y = y.Address,
            Count = y.Count,
            Pixels = (long)y.Shape[2] * y.Shape[3],
            Channels = y.Shape[1],
            Stored = x.Shape[3],
            A = shift,
            B = scale,
        });
    }

    /// <inheritdoc/>
    public void ToRgb8(Tensor x, Span<byte> rgb)
    {
        OperatorChecks.Rgb8(nameof(ToRgb8), ActivationType, x, rgb.Length);
        if (rgb.IsEmpty)
        {
            return;
        }

        nint bytes = Scratch(rgb.Length);
        LaunchImage(ref toRgb8Kernel, "image_to_rgb8_bf16", "image_to_rgb8_f32", 4, new() { X = x.Address, Y = bytes, Count = rgb.Length });
        CopyToHost(bytes, rgb);
    }

    /// <inheritdoc/>
    public void FromRgb8(ReadOnlySpan<byte> rgb, Tensor y)
    {
        OperatorChecks.Rgb8(nameof(FromRgb8), ActivationType, y, rgb.Length);
        if (rgb.IsEmpty)
        {
            return;
        }

        nint bytes = Scratch(rgb.Length);
        CopyToDevice(rgb, bytes);
        LaunchImage(ref fromRgb8Kernel, "image_from_rgb8_bf16", "image_from_rgb8_f32", 4, new() { X = bytes, Y = y.Address, Count = rgb.Length });
    }

    /// <summary>Launches an entry of image.cu over <c>Count</c> elements, <paramref name="perThread"/> for each thread.</summary>
    private void LaunchImage(ref CudaKernel kernel, string bf16, string f32, int perThread, in ImageParams parameters)
    {
        if (parameters.Count == 0)
        {
            return;
        }

        if (!kernel.IsLoaded)
        {
            kernel = Kernel("image", ActivationType == DType.F32 ? f32 : bf16);
        }

        Launch(kernel, new CudaGrid(ConvPlan.Ceiling(parameters.Count, 256 * perThread)), 256, 0, in parameters);
    }
}

/// <summary>Mirrors ImageParams of kernels/image.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ImageParams
{
    public nint X;
    public nint Y;
    public long Count;
    public long Pixels;
    public int Channels;
    public int Stored;
    public float A;
    public float B;
}
