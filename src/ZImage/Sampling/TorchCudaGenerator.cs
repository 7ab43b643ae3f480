using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ZImage.Sampling;

/// <summary>
/// <c>torch.Generator("cuda")</c>: Philox4x32-10 keyed by the seed, with cuRAND's Box-Muller transform as an NVIDIA GPU evaluates it. Checked
/// bit for bit against PyTorch 2.11 with CUDA 13.0 on an H200.
/// </summary>
/// <remarks>
/// PyTorch gives every GPU thread its own counter stream and lets a thread draw four values at a time, so a large draw depends on how many threads the
/// GPU holds: its multiprocessors times the threads that one holds. Only that product counts, so 96 multiprocessors of 2048 threads stand for an
/// RTX 4090's 128 of 1536. A draw of at most that many values (on an H200 270,336, a little more than a 1024 × 1024 picture needs) is the same on every
/// GPU that holds as many threads or more.
/// </remarks>
internal sealed class TorchCudaGenerator : TorchGenerator
{
    /// <summary>Multiprocessors of an H100 SXM and an H200.</summary>
    public const int DefaultMultiprocessors = 132;

    /// <summary>Threads that a multiprocessor holds on Volta, Ampere's A100, Hopper and Blackwell's data-centre parts; 1536 on GeForce 30, 40 and 50.</summary>
    public const int DefaultThreadsPerMultiprocessor = 2048;

    /// <summary>Most values of one draw: a float32 tensor of more has more bytes than PyTorch indexes with 32 bits, and it draws in pieces.</summary>
    public const int LargestDraw = 1 << 29;

    private const int BlockSize = 256;
    private const int ValuesPerCall = 4;
    private const int Lanes = 8;

    // What a thread of the host takes at a time, in groups of eight GPU threads.
    private const long GroupsPerTask = 8192;

    private readonly int residentBlocks;
    private ulong offset;

    /// <summary>The state after <c>manual_seed</c>.</summary>
    /// <param name="seed">The key: all 64 bits count.</param>
    /// <param name="multiprocessors">Multiprocessors of the GPU to imitate.</param>
    /// <param name="threadsPerMultiprocessor">Threads that one of them holds.</param>
    /// <exception cref="ArgumentOutOfRangeException">No multiprocessor, or one that holds less than a block.</exception>
    public TorchCudaGenerator(ulong seed, int multiprocessors = DefaultMultiprocessors, int threadsPerMultiprocessor = DefaultThreadsPerMultiprocessor)
        : base(seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multiprocessors, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(multiprocessors, 1 << 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(threadsPerMultiprocessor, BlockSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threadsPerMultiprocessor, 1 << 12);
        residentBlocks = threadsPerMultiprocessor / BlockSize * multiprocessors;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">More than 2^29 values.</exception>
    public override unsafe void Normal(Span<float> destination)
    {
        if (destination.IsEmpty)
        {
            return;
        }

        if (destination.Length > LargestDraw)
        {
            throw new ArgumentException($"A draw holds at most {LargestDraw} values, not {destination.Length}: PyTorch splits larger ones.", nameof(destination));
        }

        long count = destination.Length;
        long threads = BlockSize * Math.Min(residentBlocks, (count + BlockSize - 1) / BlockSize);
        long rounds = ((count - 1) / (threads * ValuesPerCall)) + 1;
        long groups = rounds * (threads / Lanes);
        fixed (float* start = destination)
        {
            nint address = (nint)start;
            ulong key = Seed;
            ulong counter = offset / ValuesPerCall;
            if (groups <= GroupsPerTask || MaxThreads == 1)
            {
                Fill((float*)address, count, threads, key, counter, 0, groups);
            }
            else
            {
                long tasks = (groups + GroupsPerTask - 1) / GroupsPerTask;
                Parallel.For(0L, tasks, new ParallelOptions { MaxDegreeOfParallelism = MaxThreads }, task => Fill(
                    (float*)address, count, threads, key, counter, task * GroupsPerTask, Math.Min(groups, (task + 1) * GroupsPerTask)));
            }
        }

        // The counter moves on by as much as the busiest thread may have used.
        offset += (ulong)rounds * ValuesPerCall;
    }

    /// <summary>
    /// The groups <paramref name="first"/> .. <paramref name="last"/> - 1 of all rounds. In round r, thread t owns the elements
    /// (4 r + k) · threads + t, k = 0 .. 3: the four results of block counter + r of its stream.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // compiled once, well: the first draw is the one that counts
    private static unsafe void Fill(float* destination, long count, long threads, ulong key, ulong counter, long first, long last)
    {
        long groupsPerRound = threads / Lanes;
        for (long group = first; group < last; group++)
        {
            long round = group / groupsPerRound;
            long thread = (group - (round * groupsPerRound)) * Lanes;
            long element = (round * ValuesPerCall * threads) + thread;
            if (element >= count)
            {
                continue;
            }

            (Vector256<uint> x, Vector256<uint> y, Vector256<uint> z, Vector256<uint> w) = Philox.Blocks(counter + (ulong)round, (uint)thread, key);
            (Vector256<float> sine, Vector256<float> cosine) = CurandMath.BoxMuller(x, y);
            Store(sine, destination, element, count);
            Store(cosine, destination, element + threads, count);
            if (element + (2 * threads) < count)
            {
                (sine, cosine) = CurandMath.BoxMuller(z, w);
                Store(sine, destination, element + (2 * threads), count);
                Store(cosine, destination, element + (3 * threads), count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Store(Vector256<float> values, float* destination, long element, long count)
    {
        if (element + Lanes <= count)
        {
            Vector256.Store(values, destination + element);
            return;
        }

        for (long i = 0; element + i < count && i < Lanes; i++)
        {
            destination[element + i] = values[(int)i];
        }
    }
}
