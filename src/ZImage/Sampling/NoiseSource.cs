using ZImage.Tensors;

namespace ZImage.Sampling;

/// <summary>
/// The random numbers of one request, in the order in which the PyTorch pipelines take them from their one generator: image-to-image first draws the noise
/// of the input picture's latent distribution, then every run draws the initial noise of the whole batch at once.
/// </summary>
/// <remarks>
/// Both draws are float32 here. PyTorch draws the first one in the VAE's type: with a bf16 VAE, its CUDA generator rounds these same numbers to bf16, and its CPU
/// generator draws other numbers.
/// </remarks>
internal sealed class NoiseSource
{
    private readonly TorchGenerator generator;
    private readonly HostTensor? latents;
    private bool initialDrawn;

    /// <summary>Seeds a generator as <paramref name="request"/> says; without a seed, with 32 bits from the system.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxThreads">Threads that a large draw may use; -1 for what the machine has.</param>
    /// <exception cref="InvalidRequestException">Fewer than one multiprocessor, or an unknown generator.</exception>
    public NoiseSource(GenerationRequest request, int maxThreads = 1)
    {
        Seed = request.Seed ?? (ulong)Random.Shared.NextInt64(1L << 32);
        latents = request.Latents;
        generator = request.Rng switch
        {
            NoiseGenerator.TorchCpu => new TorchCpuGenerator(Seed) { MaxThreads = maxThreads },
            NoiseGenerator.TorchCuda when request.RngMultiprocessors is >= 1 and <= 1 << 16 =>
                new TorchCudaGenerator(Seed, request.RngMultiprocessors) { MaxThreads = maxThreads },
            NoiseGenerator.TorchCuda => throw new InvalidRequestException(
                $"No GPU has {request.RngMultiprocessors} multiprocessors.",
                "Give the number of the GPU whose noise is wanted: 132 for an H100 or H200, which hold 2048 threads on each. "
                + "One that holds 1536 counts three quarters: 96 for an RTX 4090's 128."),
            _ => throw new InvalidRequestException($"There is no noise generator {(int)request.Rng}.", "Use TorchCpu or TorchCuda."),
        };
    }

    /// <summary>The seed in use: the request's, or the one drawn.</summary>
    public ulong Seed { get; }

    /// <summary>Standard normal noise for the input picture's latent distribution, of <paramref name="shape"/> [n, channels, height, width] in latents.</summary>
    /// <exception cref="InvalidOperationException">The initial noise is already drawn; PyTorch draws it second.</exception>
    public HostTensor PosteriorNoise(Shape shape) => initialDrawn
        ? throw new InvalidOperationException("The posterior's noise comes before the initial noise.")
        : Draw(shape);

    /// <summary>The initial noise of <paramref name="shape"/> [n, channels, height, width] in latents: the request's own latents, or a draw.</summary>
    /// <exception cref="InvalidRequestException">The request's latents have another shape.</exception>
    public HostTensor InitialNoise(Shape shape)
    {
        initialDrawn = true;
        if (latents is null)
        {
            return Draw(shape);
        }

        return latents.Shape == shape
            ? latents
            : throw new InvalidRequestException(
                $"The latents are {latents.Shape}; this request needs {shape}.",
                "Latents are [images, channels, height / 8, width / 8] for the whole batch. Change the size, the number of images, or the latents.");
    }

    private HostTensor Draw(Shape shape)
    {
        float[] values = new float[shape.Count];
        generator.Normal(values);
        return new HostTensor(values, shape);
    }
}
