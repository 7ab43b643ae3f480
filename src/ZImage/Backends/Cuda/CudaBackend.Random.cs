using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>random_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RandomParams
{
    public nint Y;
    public ulong Seed;
    public ulong Counter;
    public long Count;
    public long Threads;
    public long Blocks;
    public float Scale;
    public float Shift;
}

/// <summary>How PyTorch lays a draw of normal numbers over its threads; see <c>random.cu</c>.</summary>
/// <param name="Threads">Threads of its grid.</param>
/// <param name="Rounds">Times that each draws four numbers.</param>
internal readonly record struct RandomGeometry(long Threads, long Rounds)
{
    /// <summary>Above this a float32 tensor has more bytes than PyTorch indexes with 32 bits, and it draws the two halves one after another.</summary>
    public const long LargestDraw = 1 << 29;

    private const int BlockSize = 256;
    private const int BlocksPerMultiprocessor = 8;
    private const int NumbersPerRound = 4;

    /// <summary>What the counter moves on by: as much as the busiest thread may have used.</summary>
    public ulong OffsetStep => (ulong)Rounds * NumbersPerRound;

    /// <summary>The layout of a draw.</summary>
    /// <param name="count">Numbers, above 0.</param>
    /// <param name="multiprocessors">Multiprocessors of the GPU to imitate, of 2048 threads each.</param>
    public static RandomGeometry Choose(long count, int multiprocessors)
    {
        long threads = BlockSize * Math.Min((long)BlocksPerMultiprocessor * multiprocessors, (count + BlockSize - 1) / BlockSize);
        return new RandomGeometry(threads, ((count - 1) / (threads * NumbersPerRound)) + 1);
    }
}

public sealed partial class CudaBackend
{
    // The GPU that model.md fixes for synthetic weights.
    private const int SyntheticMultiprocessors = 132;

    private CudaKernel randomNormal;
    private CudaKernel randomWeight;

    /// <summary>Standard normal numbers: bit for bit what <c>torch.randn</c> draws on a GPU from a generator in this state.</summary>
    /// <param name="y">Any shape F32, dense.</param>
    /// <param name="seed">The generator's seed.</param>
    /// <param name="offset">The generator's offset, a multiple of 4: 0 after <c>manual_seed</c>.</param>
    /// <param name="multiprocessors">Multiprocessors of the GPU to imitate, of 2048 threads each.</param>
    /// <returns>The generator's offset after the draw.</returns>
    internal ulong Normal(Tensor y, ulong seed, ulong offset, int multiprocessors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multiprocessors, 1);
        CheckRandom(nameof(Normal), y, DType.F32);
        CudaKernel kernel = Cached(ref randomNormal, "random", "random_normal_f32");
        return Draw(kernel, y.Address, sizeof(float), y.Count, seed, offset, multiprocessors, 1f, 0f);
    }

    /// <summary>A weight of a synthetic checkpoint: shift + scale · r with r as <see cref="Normal"/> draws it, each step rounded to float32, then to bf16.</summary>
    /// <param name="y">Any shape BF16, dense.</param>
    /// <param name="seed">The tensor's seed.</param>
    /// <param name="scale">Factor of the normal numbers.</param>
    /// <param name="shift">Added to them.</param>
    internal void SyntheticWeight(Tensor y, ulong seed, float scale, float shift)
    {
        CheckRandom(nameof(SyntheticWeight), y, DType.BF16);
        CudaKernel kernel = Cached(ref randomWeight, "random", "random_weight_bf16");
        Draw(kernel, y.Address, DType.BF16.SizeBytes(), y.Count, seed, 0, SyntheticMultiprocessors, scale, shift);
    }

    private static void CheckRandom(string name, Tensor y, DType type)
    {
        if (y.IsEmpty || y.DType != type || !y.IsDense)
        {
            throw new ArgumentException($"{name} fills a dense {type} tensor, not {(y.IsEmpty ? "an empty one" : y)}.", nameof(y));
        }
    }

    private ulong Draw(CudaKernel kernel, nint address, int size, long count, ulong seed, ulong offset, int multiprocessors, float scale, float shift)
    {
        if (count == 0)
        {
            return offset;
        }

        RandomGeometry geometry = RandomGeometry.Choose(count, multiprocessors);
        if (count > RandomGeometry.LargestDraw)
        {
            // PyTorch has moved the counter for the whole before it splits.
            long half = count / 2;
            offset = Draw(kernel, address, size, half, seed, offset + geometry.OffsetStep, multiprocessors, scale, shift);
            return Draw(kernel, address + (nint)(half * size), size, count - half, seed, offset, multiprocessors, scale, shift);
        }

        RandomParams parameters = new()
        {
            Y = address,
            Seed = seed,
            Counter = offset / 4,
            Count = count,
            Threads = geometry.Threads,
            Blocks = geometry.Threads * geometry.Rounds,
            Scale = scale,
            Shift = shift,
        };
        Launch(kernel, new CudaGrid(RowGeometry.BlocksFor(parameters.Blocks, ElementThreads)), ElementThreads, 0, in parameters);
        return offset + geometry.OffsetStep;
    }
}
