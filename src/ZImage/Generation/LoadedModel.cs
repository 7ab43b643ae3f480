using ZImage.Backends;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Text;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Generation;

/// <summary>The parts of a checkpoint on a backend.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly ModelFolder folder;
    private readonly PipelineOptions options;

    private LoadedModel(ModelFolder folder, PipelineOptions options, IBackend backend, CancellationToken cancellation)
    {
        this.folder = folder;
        this.options = options;
        Backend = backend;
        List<string> warnings = [];
        bool allow = options.AllowUnknownTensors;
        Tokenizer = folder.OpenTokenizer();
        cancellation.ThrowIfCancellationRequested();
        TextEncoder = WeightLoader.Build(folder.TextEncoderWeights(), backend, allow, warnings, w => new Qwen3Encoder(folder.TextEncoder, w, backend));
        cancellation.ThrowIfCancellationRequested();
        Transformer = WeightLoader.Build(folder.TransformerWeights(), backend, allow, warnings, w => new ZImageTransformer(folder.Transformer, w, backend));
        cancellation.ThrowIfCancellationRequested();
        Vae = WeightLoader.Build(folder.VaeWeights(), backend, allow, warnings, w => new AutoencoderKl(folder.Vae, w, backend));
        Scheduler = new FlowMatchEulerScheduler(folder.Scheduler);
        Warnings = warnings;
        CheckParts();
        int multiple = folder.Vae.ScaleFactor * ZImageTransformerConfig.PatchSize;
        Defaults = new GenerationDefaults(folder.DefaultSize, folder.DefaultSize, multiple, folder.DefaultSteps, folder.DefaultGuidance);
    }

    public string Name => folder.Name;

    public IBackend Backend { get; }

    public Qwen2Tokenizer Tokenizer { get; }

    public Qwen3Encoder TextEncoder { get; }

    public ZImageTransformer Transformer { get; }

    public AutoencoderKl Vae { get; }

    public FlowMatchEulerScheduler Scheduler { get; }

    public PromptCache PromptCache { get; } = new();

    public GenerationDefaults Defaults { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Opens a checkpoint and places its weights; the backend belongs to the model from here on.</summary>
    public static LoadedModel Load(string path, PipelineOptions options, IBackend backend, CancellationToken cancellation)
    {
        ModelFolder? folder = null;
        try
        {
            folder = ModelFolder.Open(path);
            return new LoadedModel(folder, options, backend, cancellation);
        }
        catch
        {
            folder?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Whether anybody looks at intermediates.</summary>
    public bool HasProbe => options.ProbeFactory is not null;

    /// <summary>Runs a stage under its probe, and disposes the probe where it wants that.</summary>
    public T WithProbe<T>(string stage, Func<ITensorProbe, T> run)
    {
        if (options.ProbeFactory is not { } factory)
        {
            return run(NullProbe.Instance);
        }

        ITensorProbe probe = factory(stage);
        try
        {
            return run(probe);
        }
        finally
        {
            (probe as IDisposable)?.Dispose();
        }
    }

    /// <summary>Throws where a stage's output is not finite.</summary>
    /// <exception cref="ModelFormatException">NaN or infinity, with the weights that hold some, if any do.</exception>
    public void RequireFinite(Tensor tensor, string part, string what)
    {
        if (!Backend.IsFinite(tensor))
        {
            throw NonFinite(part, what);
        }
    }

    /// <summary>The error for a non-finite result; looks for the weight that is to blame.</summary>
    public ModelFormatException NonFinite(string part, string what)
    {
        IReadOnlyList<string> broken = folder.FindNonFinite(part);
        return broken.Count > 0
            ? new ModelFormatException(
                $"{what} is NaN or infinite, because weights of {part} are: {string.Join(", ", broken.Take(20))}{(broken.Count > 20 ? $" and {broken.Count - 20} more" : "")}.",
                "The checkpoint is broken; download it again.")
            : new ModelFormatException(
                $"{what} is NaN or infinite, though the weights of {part} are finite.",
                "An activation overflowed: the weights do not belong together, or the inputs are extreme.");
    }

    /// <summary>Bytes of activations at the largest moment of a run.</summary>
    public long ActivationBytes(GenerationPlan plan) =>
        MemoryPlan.ActivationBytes(folder, plan.Width, plan.Height, plan.LatentShape[0] * (plan.UsesGuidance ? 2 : 1));

    public void Dispose()
    {
        Backend.Dispose();
        folder.Dispose();
    }

    /// <summary>The parts must fit each other, not only themselves.</summary>
    private void CheckParts()
    {
        if (Transformer.Config.TextDim != TextEncoder.Config.HiddenSize)
        {
            throw new ModelFormatException(
                $"The text encoder's width {TextEncoder.Config.HiddenSize} is not the transformer's cap_feat_dim {Transformer.Config.TextDim}.",
                "The parts come from different checkpoints.");
        }

        if (Transformer.Config.InChannels != Vae.Config.LatentChannels)
        {
            throw new ModelFormatException(
                $"The VAE's {Vae.Config.LatentChannels} latent channels are not the transformer's in_channels {Transformer.Config.InChannels}.",
                "The parts come from different checkpoints.");
        }
    }
}
