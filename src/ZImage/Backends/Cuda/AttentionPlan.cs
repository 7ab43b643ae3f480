using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Which attention kernels may be taken.</summary>
internal enum AttentionPath
{
    /// <summary>The fastest that fits.</summary>
    Automatic,

    /// <summary>Those of sm_80, on a newer device too.</summary>
    Mma,

    /// <summary>The plain one.</summary>
    Simple,
}

/// <summary>The entries of attention.cu, attention_wide.cu and attention_sm90.cu, in the order of <see cref="AttentionPlan"/>'s table.</summary>
internal enum AttentionKernel
{
    SimpleF32,
    SimpleBf16,
    Rows64Dim64,
    Rows64Dim128,
    Rows64Dim256,
    Rows128Dim64,
    Rows128Dim128,
    Rows128Dim128Warps8,
    WideRows32Keys32,
    WideRows64Keys32,
    WideRows64Keys64,
    Sm90Rows128,
    Sm90Rows192,
}

/// <summary>How an attention kernel is launched.</summary>
/// <param name="Family">File under kernels/.</param>
/// <param name="Entry">Name of the kernel.</param>
/// <param name="Rows">Queries that a block computes.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct AttentionLaunch(string Family, string Entry, int Rows, int Threads, int SharedBytes);

/// <summary>What the choice of a kernel asks of the device.</summary>
/// <param name="ComputeCapability">Major times ten plus minor.</param>
/// <param name="Multiprocessors">Their number.</param>
/// <param name="MaxSharedBytes">Shared memory that a block may have.</param>
internal readonly record struct AttentionDevice(int ComputeCapability, int Multiprocessors, int MaxSharedBytes);

/// <summary>Which kernel computes an attention: pure functions of the shapes and the device.</summary>
internal static class AttentionPlan
{
    /// <summary>Largest head that the kernels take.</summary>
    public const int MaxHeadDim = 512;

    /// <summary>Keys of a tile of attention_sm90.cu.</summary>
    public const int Sm90Keys = 128;

    // Time of rows128 against rows192 per row of a full wave; measured from 1.07 on a cool H200 to 1.23 on a hot one.
    private const double Sm90Rows128Cost = 1.17;

    private const string Mma = "attention";
    private const string Wide = "attention_wide";
    private const string Sm90 = "attention_sm90";

    private static readonly AttentionLaunch[] s_launches =
    [
        new(Mma, "attention_simple_f32", 4, 128, 0),
        new(Mma, "attention_simple_bf16", 4, 128, 0),
        new(Mma, "attention_rows64_dim64_bf16", 64, 128, MmaBytes(64, 64, stages: 2)),
        new(Mma, "attention_rows64_dim128_bf16", 64, 128, MmaBytes(64, 128, stages: 2)),
        new(Mma, "attention_rows64_dim256_bf16", 64, 128, MmaBytes(64, 256, stages: 1)),
        new(Mma, "attention_rows128_dim64_bf16", 128, 128, MmaBytes(128, 64, stages: 2)),
        new(Mma, "attention_rows128_dim128_bf16", 128, 128, MmaBytes(128, 128, stages: 1)),
        new(Mma, "attention_rows128_dim128_warps8_bf16", 128, 256, MmaBytes(128, 128, stages: 2)),
        new(Wide, "attention_wide_rows32_keys32_bf16", 32, 128, WideBytes(32, 32)),
        new(Wide, "attention_wide_rows64_keys32_bf16", 64, 256, WideBytes(64, 32)),
        new(Wide, "attention_wide_rows64_keys64_bf16", 64, 256, WideBytes(64, 64)),
        new(Sm90, "attention_sm90_rows128_bf16", 128, 384, Sm90Bytes(128)),
        new(Sm90, "attention_sm90_rows192_bf16", 192, 512, Sm90Bytes(192)),
    ];

    /// <summary>The launch of a kernel.</summary>
    public static AttentionLaunch Launch(AttentionKernel kernel) => s_launches[(int)kernel];

    /// <summary>The value of ZIMAGE_ATTENTION.</summary>
    /// <exception cref="DeviceException">Neither absent nor a path.</exception>
    public static AttentionPath ParsePath(string? value) => value switch
    {
        null or "" => AttentionPath.Automatic,
        "mma" => AttentionPath.Mma,
        "simple" => AttentionPath.Simple,
        _ => throw new DeviceException($"ZIMAGE_ATTENTION={value} is no attention.", "Unset it, or set it to mma or simple."),
    };

    /// <summary>The kernel for an attention.</summary>
    /// <param name="type">Type of all operands: F32 or BF16.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="spans">The batch items.</param>
    /// <param name="aligned">Whether each head of each row starts at a multiple of 16 bytes in all operands.</param>
    /// <param name="device">The device.</param>
    /// <param name="path">What may be taken.</param>
    /// <exception cref="ArgumentException">No kernel takes the heads.</exception>
    public static AttentionKernel Choose(
        DType type, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans, bool aligned, AttentionDevice device, AttentionPath path)
    {
        if (heads.HeadDim > MaxHeadDim)
        {
            throw new ArgumentException($"Heads of {heads.HeadDim} elements: the CUDA backend computes attention of heads up to {MaxHeadDim}.", nameof(heads));
        }

        AttentionKernel kernel = type == DType.F32 ? AttentionKernel.SimpleF32 : AttentionKernel.SimpleBf16;
        if (type == DType.BF16 && aligned && path != AttentionPath.Simple)
        {
            kernel = heads.HeadDim switch
            {
                > 256 => ChooseWide(heads, spans, device),
                > 128 => AttentionKernel.Rows64Dim256,
                128 when !heads.Causal && device.ComputeCapability == 90 && path == AttentionPath.Automatic => ChooseSm90(heads, spans, device),
                _ => ChooseMma(heads, spans, device),
            };
        }

        // A device with less shared memory than any that the kernels were made for still gets an answer.
        return Launch(kernel).SharedBytes <= device.MaxSharedBytes ? kernel : AttentionKernel.SimpleBf16;
    }

    /// <summary>Query tiles of all heads.</summary>
    public static long Tiles(AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans, int rows)
    {
        long tiles = 0;
        foreach (AttentionSpan span in spans)
        {
            tiles += (span.QueryCount + rows - 1) / rows;
        }

        return tiles * heads.Heads;
    }

    /// <summary>The taller tile is faster a row; the other one where it leaves fewer multiprocessors idle in the last wave.</summary>
    private static AttentionKernel ChooseSm90(AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans, AttentionDevice device)
    {
        long tall = 192 * Waves(Tiles(heads, spans, 192), device);
        double low = 128 * Sm90Rows128Cost * Waves(Tiles(heads, spans, 128), device);
        return low < tall ? AttentionKernel.Sm90Rows128 : AttentionKernel.Sm90Rows192;
    }

    /// <summary>128 rows a block where that still gives every multiprocessor two blocks twice over; 64 rows for short sequences.</summary>
    private static AttentionKernel ChooseMma(AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans, AttentionDevice device)
    {
        bool tall = Tiles(heads, spans, 128) >= 4L * device.Multiprocessors;
        if (heads.HeadDim <= 64)
        {
            return tall ? AttentionKernel.Rows128Dim64 : AttentionKernel.Rows64Dim64;
        }

        // Four warps want two blocks on a multiprocessor, whose shared memory is about what one block may have. From sm_100 on the compiler spills there.
        bool twoBlocks = device.ComputeCapability < 100 && device.MaxSharedBytes >= 2 * Launch(AttentionKernel.Rows128Dim128).SharedBytes;
        return !tall ? AttentionKernel.Rows64Dim128 : twoBlocks ? AttentionKernel.Rows128Dim128 : AttentionKernel.Rows128Dim128Warps8;
    }

    /// <summary>The largest tile that fits, unless it leaves half of the multiprocessors without work.</summary>
    private static AttentionKernel ChooseWide(AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans, AttentionDevice device)
    {
        bool few = 2 * Tiles(heads, spans, 64) <= device.Multiprocessors;
        return few || device.MaxSharedBytes < Launch(AttentionKernel.WideRows64Keys32).SharedBytes ? AttentionKernel.WideRows32Keys32
            : device.MaxSharedBytes < Launch(AttentionKernel.WideRows64Keys64).SharedBytes ? AttentionKernel.WideRows64Keys32
            : AttentionKernel.WideRows64Keys64;
    }

    private static long Waves(long tiles, AttentionDevice device) => (tiles + device.Multiprocessors - 1) / device.Multiprocessors;

    // Queries, and as many tiles of 64 keys and values as there are stages.
    private static int MmaBytes(int rows, int dim, int stages) => (rows + (2 * stages * 64)) * dim * sizeof(ushort);

    // Queries, keys, values; probabilities; maxima of each 16 keys; factors.
    private static int WideBytes(int rows, int keys) => ((rows + (2 * keys)) * MaxHeadDim * sizeof(ushort)) + (rows * keys * sizeof(ushort)) + (rows * ((keys / 16) + 1) * sizeof(float));

    // Queries, two stages of keys and values, barriers, and what alignment to 1024 bytes may take.
    private static int Sm90Bytes(int rows) => ((rows + (4 * Sm90Keys)) * 128 * sizeof(ushort)) + 128 + 1024;
}
