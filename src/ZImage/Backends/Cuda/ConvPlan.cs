using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Which convolution kernels may be taken.</summary>
internal enum ConvPath
{
    /// <summary>The fastest that fits.</summary>
    Automatic,

    /// <summary>As automatic, but no weights are summed for enlargements.</summary>
    Unfolded,

    /// <summary>Those of sm_80, on a newer device too.</summary>
    Mma,

    /// <summary>The plain one.</summary>
    Direct,
}

/// <summary>The entries of conv2d.cu and conv2d_sm90.cu, in the order of <see cref="ConvPlan"/>'s table.</summary>
internal enum ConvKernel
{
    DirectF32,
    DirectBf16,
    Few,
    Narrow,
    Mma,
    Sm90N128,
    Sm90N256,
}

/// <summary>The numbers of a convolution: tap k of output o is the pixel (o * Stride + k - Pad) >> Up of the input.</summary>
/// <param name="Items">Pictures.</param>
/// <param name="Height">Of the input.</param>
/// <param name="Width">Of the input.</param>
/// <param name="InChannels">Channels of the input.</param>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="Kernel">1 or 3.</param>
/// <param name="Mode">Stride, padding and enlargement.</param>
internal readonly record struct ConvShape(int Items, int Height, int Width, int InChannels, int OutChannels, int Kernel, ConvMode Mode)
{
    public int OutHeight => Mode switch { ConvMode.Upsample2 => 2 * Height, ConvMode.Downsample2 => Height / 2, _ => Height };

    public int OutWidth => Mode switch { ConvMode.Upsample2 => 2 * Width, ConvMode.Downsample2 => Width / 2, _ => Width };

    public int Stride => Mode == ConvMode.Downsample2 ? 2 : 1;

    public int Pad => Mode == ConvMode.Downsample2 ? 0 : Kernel / 2;

    public int Up => Mode == ConvMode.Upsample2 ? 1 : 0;

    /// <summary>Pixels of the output, of all pictures.</summary>
    public long Pixels => (long)Items * OutHeight * OutWidth;

    /// <summary>Inputs of one output: taps times channels.</summary>
    public long Depth => (long)Kernel * Kernel * InChannels;
}

/// <summary>What the choice of a kernel asks of the device.</summary>
/// <param name="ComputeCapability">Major times ten plus minor.</param>
/// <param name="Multiprocessors">Their number.</param>
/// <param name="MaxSharedBytes">Shared memory that a block may have.</param>
internal readonly record struct ConvDevice(int ComputeCapability, int Multiprocessors, int MaxSharedBytes);

/// <summary>Which kernel computes a convolution, and its launch: pure functions of the shape and the device.</summary>
internal static class ConvPlan
{
    /// <summary>Dynamic shared memory of the kernels of conv2d_sm90.cu.</summary>
    public const int Sm90Bytes = 197632;

    /// <summary>Pixels along a row of a tile of conv2d_sm90.cu.</summary>
    public const int Sm90Columns = 16;

    /// <summary>Input channels of a step of conv2d_sm90.cu.</summary>
    public const int Sm90Channels = 64;

    private const int MmaBytes = 49152;
    private const int NarrowBytes = 52736;
    private const int FewBytes = 49152;

    // Below this, summing the weights costs more than it saves.
    private const long FoldPixels = 16384;

    private static readonly (string Family, string Entry, int Threads)[] s_kernels =
    [
        ("conv2d", "conv2d_direct_f32", 256),
        ("conv2d", "conv2d_direct_bf16", 256),
        ("conv2d", "conv2d_few_bf16", 256),
        ("conv2d", "conv2d_narrow_bf16", 256),
        ("conv2d", "conv2d_mma_bf16", 128),
        ("conv2d_sm90", "conv2d_wgmma_n128_bf16", 384),
        ("conv2d_sm90", "conv2d_wgmma_n256_bf16", 384),
    ];

    /// <summary>File, name and block size of a kernel.</summary>
    public static (string Family, string Entry, int Threads) Entry(ConvKernel kernel) => s_kernels[(int)kernel];

    /// <summary>The value of ZIMAGE_CONV.</summary>
    /// <exception cref="DeviceException">Neither absent nor a path.</exception>
    public static ConvPath ParsePath(string? value) => value switch
    {
        null or "" => ConvPath.Automatic,
        "unfolded" => ConvPath.Unfolded,
        "mma" => ConvPath.Mma,
        "direct" => ConvPath.Direct,
        _ => throw new DeviceException($"ZIMAGE_CONV={value} is no convolution.", "Unset it, or set it to unfolded, mma or direct."),
    };

    /// <summary>The kernel for a convolution.</summary>
    /// <param name="type">Type of activations and weights: F32 or BF16.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="aligned">Whether all operands start at multiples of 16 bytes.</param>
    /// <param name="device">The device.</param>
    /// <param name="path">What may be taken.</param>
    /// <exception cref="ArgumentException">More pixels than the kernels count.</exception>
    public static ConvKernel Choose(DType type, ConvShape shape, bool aligned, ConvDevice device, ConvPath path)
    {
        if (shape.Pixels * ((shape.OutChannels + 7) / 8) > int.MaxValue - (1 << 23))
        {
            throw new ArgumentException($"{shape} has more outputs than one convolution of the CUDA backend computes: 2^34.", nameof(shape));
        }

        if (type == DType.F32)
        {
            return ConvKernel.DirectF32;
        }

        if (path == ConvPath.Direct || !aligned)
        {
            return ConvKernel.DirectBf16;
        }

        bool wide = shape.OutChannels % 8 == 0;
        if (shape.InChannels % 8 != 0)
        {
            return wide && shape.Depth * shape.OutChannels * sizeof(float) <= FewBytes ? ConvKernel.Few : ConvKernel.DirectBf16;
        }

        bool plain = shape is { Kernel: 3, Mode: ConvMode.Same } && shape.Items <= ushort.MaxValue && shape.Height <= 8 * ushort.MaxValue;
        if (shape.OutChannels <= 8 && plain && device.MaxSharedBytes >= NarrowBytes)
        {
            return ConvKernel.Narrow;
        }

        if (!wide)
        {
            return ConvKernel.DirectBf16;
        }

        if (device.ComputeCapability != 90 || path == ConvPath.Mma)
        {
            return ConvKernel.Mma;
        }

        // The wide tile where it computes no more channels that nobody asked for.
        return Ceiling(shape.OutChannels, 128) % 2 == 0 ? ConvKernel.Sm90N256 : ConvKernel.Sm90N128;
    }

    /// <summary>Whether an enlargement is worth the four 2x2 kernels of its phases instead of one 3x3.</summary>
    public static bool Folds(ConvKernel kernel, ConvShape shape, ConvPath path) =>
        kernel is ConvKernel.Sm90N128 or ConvKernel.Sm90N256 && shape.Mode == ConvMode.Upsample2 && path == ConvPath.Automatic && shape.Pixels >= FoldPixels;

    /// <summary>Rows of pixels and output channels of a tile of conv2d_sm90.cu.</summary>
    public static (int Rows, int Channels) Sm90Tile(ConvKernel kernel) => kernel == ConvKernel.Sm90N256 ? (8, 256) : (16, 128);

    /// <summary>Dynamic shared memory of a kernel; for <see cref="ConvKernel.Few"/> the most it takes.</summary>
    public static int SharedBytes(ConvKernel kernel) => kernel switch
    {
        ConvKernel.Few => FewBytes,
        ConvKernel.Narrow => NarrowBytes,
        ConvKernel.Mma => MmaBytes,
        ConvKernel.Sm90N128 or ConvKernel.Sm90N256 => Sm90Bytes,
        _ => 0,
    };

    /// <summary>Blocks of a kernel of conv2d.cu.</summary>
    public static CudaGrid Grid(ConvKernel kernel, ConvShape shape, ConvDevice device) => kernel switch
    {
        ConvKernel.Mma => new(Ceiling(shape.Pixels, 128) * Ceiling(shape.OutChannels, 128)),
        ConvKernel.Narrow => new(Ceiling(shape.OutWidth, 32), Ceiling(shape.OutHeight, 8), shape.Items),
        ConvKernel.Few => new(Math.Min(Ceiling(shape.Pixels * (shape.OutChannels / 8), 256), 8 * device.Multiprocessors)),
        _ => new(Ceiling(shape.Pixels * Ceiling(shape.OutChannels, 8), 256)),
    };

    /// <summary>value / divisor, rounded up.</summary>
    public static int Ceiling(long value, int divisor) => checked((int)((value + divisor - 1) / divisor));
}
