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
    private readonly PipelineOptions options;
    private DenoisingSession? session;

    private LoadedModel(string path, PipelineOptions options, IBackend backend, CancellationToken cancellation)
    {
        this.options = options;
        Backend = backend;
        ModelPart<Qwen3Encoder>? textEncoder = null;
        ModelPart<ZImageTransformer>? transformer = null;
        ModelPart<AutoencoderKl>? vae = null;
        try
        {
            ModelFolder folder = ModelFolder.Open(path, options.TransformerFile);
            Folder = folder;
            List<string> warnings = [];
            bool allow = options.AllowUnknownTensors;
            Tokenizer = Qwen2Tokenizer.Load(folder.TokenizerFolder);
            cancellation.ThrowIfCancellationRequested();
            TextEncoder = textEncoder = new(folder.OpenTextEncoder(), backend, allow, warnings, weights => new Qwen3Encoder(folder.TextEncoder, weights, backend));
            Transformer = transformer = new(folder.OpenTransformer(), backend, allow, warnings, weights => new ZImageTransformer(folder.Transformer, weights, backend));
            Vae = vae = new(folder.OpenVae(), backend, allow, warnings, weights => new AutoencoderKl(folder.Vae, weights, backend));
            Scheduler = new FlowMatchEulerScheduler(folder.Scheduler);
            Warnings = warnings;
            int multiple = folder.Vae.ScaleFactor * ZImageTransformerConfig.PatchSize;
            IReadOnlyList<int> positions = folder.Transformer.AxesLens;
            int size = Math.Max(folder.Vae.SampleSize / multiple, 1);
            PlaceParts();
            Defaults = new GenerationDefaults(Math.Min(size, positions[2]) * multiple, Math.Min(size, positions[1]) * multiple, multiple, folder.DefaultSteps, folder.DefaultGuidance);
        }
        catch
        {
            textEncoder?.Dispose();
            transformer?.Dispose();
            vae?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>What the checkpoint calls itself: its folder's name.</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder.Path)));

    /// <summary>The folder and its configs.</summary>
    public ModelFolder Folder { get; }

    public IBackend Backend { get; }

    public Qwen2Tokenizer Tokenizer { get; }

    public ModelPart<Qwen3Encoder> TextEncoder { get; }

    public ModelPart<ZImageTransformer> Transformer { get; }

    public ModelPart<AutoencoderKl> Vae { get; }

    public FlowMatchEulerScheduler Scheduler { get; }

    public PromptCache PromptCache { get; } = new();

    public GenerationDefaults Defaults { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Opens a checkpoint and places its weights; the backend belongs to the model from here on.</summary>
    public static LoadedModel Load(string path, PipelineOptions options, IBackend backend, CancellationToken cancellation) =>
        new(path, options, backend, cancellation);

    /// <summary>Places the parts while loading, where all of them fit; else each is placed when it is needed.</summary>
    private void PlaceParts()
    {
        if (TextEncoder.Bytes + Transformer.Bytes + Vae.Bytes <= Backend.FreeBytes)
        {
            _ = TextEncoder.Model;
            _ = Transformer.Model;
            _ = Vae.Model;
            Backend.Synchronize();
        }
    }

    /// <summary>Whether anybody looks at intermediates.</summary>
    public bool HasProbe => options.ProbeFactory is not null;

    /// <summary>The text encoder on the device, with everything else taken off it that would not fit beside it.</summary>
    public Qwen3Encoder UseTextEncoder()
    {
        if (!TextEncoder.IsResident)
        {
            MakeRoom(TextEncoder.Bytes, forTextEncoder: true);
        }

        return TextEncoder.Model;
    }

    /// <summary>The transformer on the device; the text encoder leaves it where memory is short.</summary>
    public ZImageTransformer UseTransformer(long activationBytes)
    {
        MakeRoom((Transformer.IsResident ? 0 : Transformer.Bytes) + activationBytes, forTextEncoder: false);
        return Transformer.Model;
    }

    /// <summary>The VAE on the device; the text encoder and the denoising memory leave it where memory is short.</summary>
    public AutoencoderKl UseVae(long activationBytes)
    {
        long needed = (Vae.IsResident ? 0 : Vae.Bytes) + activationBytes;
        if (Backend.FreeBytes < needed)
        {
            ReleaseSession();
        }

        MakeRoom(needed, forTextEncoder: false);
        return Vae.Model;
    }

    /// <summary>
    /// The memory, tables and recordings for runs of one shape: the one of the run before where that had the same shape and schedule, else a new one
    /// in its place.
    /// </summary>
    /// <param name="key">The shape.</param>
    /// <param name="activationBytes">What a new session will take.</param>
    public DenoisingSession Session(SessionKey key, long activationBytes)
    {
        if (session is null || !session.Key.Equals(key))
        {
            ReleaseSession();
            UseTransformer(activationBytes);
            session = new DenoisingSession(key, this);
        }

        return session;
    }

    /// <summary>Frees the session's memory, after a failure or to make room.</summary>
    public void ReleaseSession()
    {
        session?.Dispose();
        session = null;
    }

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
            return run(new HostProbe(probe, Backend));
        }
        finally
        {
            (probe as IDisposable)?.Dispose();
        }
    }

    /// <summary>Takes parts off the device until <paramref name="bytes"/> are free: first what the next stage does not need.</summary>
    private void MakeRoom(long bytes, bool forTextEncoder)
    {
        if (Backend.FreeBytes >= bytes)
        {
            return;
        }

        if (!forTextEncoder)
        {
            TextEncoder.Release();
            return;
        }

        ReleaseSession();
        if (Backend.FreeBytes < bytes)
        {
            Transformer.Release();
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
        PartWeights weights = part == Vae.Weights.Part ? Vae.Weights : part == Transformer.Weights.Part ? Transformer.Weights : TextEncoder.Weights;
        IReadOnlyList<string> broken = WeightCheck.FindNonFinite([.. weights.Tensors.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.View))]);
        return broken.Count > 0
            ? new ModelFormatException(
                $"{what} is NaN or infinite, because weights of {part} are: {string.Join(", ", broken.Take(20))}{(broken.Count > 20 ? $" and {broken.Count - 20} more" : "")}.",
                "The checkpoint is broken; download it again.")
            : new ModelFormatException(
                $"{what} is NaN or infinite, though the weights of {part} are finite.",
                "An activation overflowed: the weights do not belong together, or the inputs are extreme.");
    }

    /// <summary>Bytes of activations of each stage of a run; the plan counts float32, a narrower backend takes less.</summary>
    public MemoryEstimate Memory(GenerationPlan plan)
    {
        int items = plan.LatentShape[0] * (plan.UsesGuidance ? 2 : 1);
        MemoryEstimate wide = MemoryPlan.ForCpu(Folder.Transformer, Folder.TextEncoder, Folder.Vae, 0, plan.Width, plan.Height, items);
        int size = Backend.ActivationType.SizeBytes();
        return new MemoryEstimate(0, wide.TextEncoderBytes * size / 4, wide.TransformerBytes * size / 4, wide.VaeBytes * size / 4);
    }

    public void Dispose()
    {
        session?.Dispose();
        TextEncoder.Dispose();
        Transformer.Dispose();
        Vae.Dispose();
        Backend.Dispose();
    }
}
