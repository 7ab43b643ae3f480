namespace ZImage.Sampling;

/// <summary>
/// A stream of standard normal numbers that are, bit for bit, those of a <c>torch.Generator</c> with the same seed. The generator keeps its
/// state, so draw after draw continues as PyTorch does. An instance is for one thread at a time.
/// </summary>
internal abstract class TorchGenerator
{
    private protected TorchGenerator(ulong seed) => Seed = seed;

    /// <summary>What <c>manual_seed</c> was given. A negative seed of PyTorch is its two's complement here.</summary>
    public ulong Seed { get; }

    /// <summary>Threads that a large draw may use; 1 for the caller's alone, -1 for what the machine has. The numbers do not depend on it.</summary>
    public int MaxThreads { get; init; } = 1;

    /// <summary>A generator in the state that <c>manual_seed</c> leaves.</summary>
    /// <param name="kind">Whose generator.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="multiprocessors">For <see cref="NoiseGenerator.TorchCuda"/>, the multiprocessors of the GPU that PyTorch would draw on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An unknown kind, or fewer than one multiprocessor.</exception>
    public static TorchGenerator Create(NoiseGenerator kind, ulong seed, int multiprocessors = TorchCudaGenerator.DefaultMultiprocessors) => kind switch
    {
        NoiseGenerator.TorchCpu => new TorchCpuGenerator(seed),
        NoiseGenerator.TorchCuda => new TorchCudaGenerator(seed, multiprocessors),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such generator."),
    };

    /// <summary>
    /// Fills <paramref name="destination"/> with what <c>torch.randn(n, generator=g)</c> in float32 gives. The shape plays no part in PyTorch, the
    /// number of elements does: two draws of n are not one draw of 2n.
    /// </summary>
    public abstract void Normal(Span<float> destination);
}
