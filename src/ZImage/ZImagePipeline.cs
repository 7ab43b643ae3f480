using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ZImage.Backends;
using ZImage.Generation;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage;

/// <summary>
/// The front door: a loaded Z-Image checkpoint that draws pictures.
/// <code>Tokenizer -> Qwen3Encoder -> [ Scheduler &lt;-> ZImageTransformer ] x steps -> AutoencoderKl -> pictures</code>
/// </summary>
/// <remarks>
/// Safe to call from several threads: requests run one after the other on the engine's own thread. Cancelling or failing leaves the
/// pipeline usable. Every error of the engine is a <see cref="ZImageException"/>; beside these there are an <see cref="OperationCanceledException"/>
/// after cancelling, an <see cref="ObjectDisposedException"/> after disposing, an <see cref="ArgumentNullException"/> for a null, and whatever the
/// caller's own progress callback or probe throws.
/// </remarks>
public sealed class ZImagePipeline : IAsyncDisposable, IDisposable
{
    private readonly EngineThread thread;
    private readonly LoadedModel model;
    private int disposed;

    private ZImagePipeline(EngineThread thread, LoadedModel model, string? deviceWarning)
    {
        this.thread = thread;
        this.model = model;
        Warnings = deviceWarning is null ? model.Warnings : [deviceWarning, .. model.Warnings];
    }

    /// <summary>What the checkpoint calls itself: its folder's name, and the transformer's file where that is another.</summary>
    public string ModelName => model.Name;

    /// <summary>Device that computes: <c>cpu</c>, or such as <c>cuda:0 (NVIDIA H200)</c>.</summary>
    public string DeviceName => model.Backend.DeviceName;

    /// <summary>Things about the device and the checkpoint that the caller should know, such as unknown tensors that were allowed.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What the model draws where a request leaves things open.</summary>
    public GenerationDefaults Defaults => model.Defaults;

    /// <summary>Loads a checkpoint in the diffusers layout. Weights are mapped, not copied: the file's pages are read when they are first used.</summary>
    /// <param name="path">Folder with model_index.json and the parts' folders; or <c>synthetic:turbo:K</c>, a full-size model with weights made from the number K.</param>
    /// <param name="options">Device and threads.</param>
    /// <param name="cancellationToken">Stops loading between the parts.</param>
    /// <exception cref="ModelFormatException">The checkpoint is missing, broken or of another kind.</exception>
    /// <exception cref="InvalidRequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">The device asked for cannot be used.</exception>
    public static async Task<ZImagePipeline> LoadAsync(string path, PipelineOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new PipelineOptions();
        EngineThread thread = new();
        try
        {
            string? deviceWarning = null;
            LoadedModel model = await thread.RunAsync(
                () => LoadedModel.Load(path, options, OpenBackend(), cancellationToken), cancellationToken).ConfigureAwait(false);
            return new ZImagePipeline(thread, model, deviceWarning);

            IBackend OpenBackend()
            {
                IBackend backend = BackendChoice.Open(options, out deviceWarning);
                return options.BackendDecorator?.Invoke(backend) ?? backend;
            }
        }
        catch
        {
            thread.Dispose();
            throw;
        }
    }

    /// <summary>Draws the pictures of a request.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told after every part of every stage, synchronously, on the engine's thread: keep it short.</param>
    /// <param name="cancellationToken">Honoured between the blocks of a network evaluation on the processor, and between steps on a GPU, where a step is one recording.</param>
    /// <exception cref="InvalidRequestException">The request cannot be drawn by this model.</exception>
    /// <exception cref="HostMemoryException">Not enough memory; the pipeline stays usable.</exception>
    /// <exception cref="DeviceMemoryException">Not enough memory on the device; the pipeline stays usable.</exception>
    public Task<GenerationResult> GenerateAsync(
        GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        return thread.RunAsync(() => Run(request, new GenerationObserver(progress, null), cancellationToken), cancellationToken);
    }

    /// <summary>Draws the pictures of a request and tells of everything on the way. Leaving the enumeration cancels the request.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="cancellationToken">As in <see cref="GenerateAsync"/>.</param>
    public async IAsyncEnumerable<GenerationEvent> GenerateStreamAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<GenerationEvent> events = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task<GenerationResult> run = thread.RunAsync(() => Run(request, new GenerationObserver(null, events.Writer), linked.Token), linked.Token);
        _ = run.ContinueWith(task => events.Writer.TryComplete(task.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            await foreach (GenerationEvent item in events.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return item;
            }

            yield return new GenerationEvent.Finished(await run.ConfigureAwait(false));
        }
        finally
        {
            await linked.CancelAsync().ConfigureAwait(false);
            await run.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    /// <summary>Runs work with the model on the engine's thread, between requests: measurements and tests.</summary>
    internal Task<T> UseAsync<T>(Func<LoadedModel, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        return thread.RunAsync(() => work(model), cancellationToken);
    }

    /// <summary>Waits for the requests under way and frees the model.</summary>
    public async ValueTask DisposeAsync() => await Task.Run(Dispose).ConfigureAwait(false);

    /// <summary>Waits for the requests under way and frees the model.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            thread.Dispose();
            model.Dispose();
        }
    }

    /// <summary>The whole path from prompt to pixels.</summary>
    private GenerationResult Run(GenerationRequest request, GenerationObserver observer, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        List<string> warnings = [.. Warnings];
        GenerationRequest resolved = RequestResolver.Resolve(request, model);
        GenerationPlan plan = new(resolved, model);
        warnings.AddRange(model.Folder.WarningOf(plan.Width, plan.Height) is { } size ? [size] : []);

        PromptEmbeddings prompts = PromptEncoding.Encode(plan, model, warnings, observer, cancellation);
        long encoded = Stopwatch.GetTimestamp();

        NoiseSchedule schedule = plan.Schedule();
        HostTensor initial = InitialLatents.Create(plan, schedule, model, observer, cancellation);
        long prepared = Stopwatch.GetTimestamp();

        HostTensor latents = Denoising.Run(plan, schedule, prompts, initial, model, observer, cancellation);
        long denoised = Stopwatch.GetTimestamp();

        GeneratedImage[] images = Decoding.Run(plan, latents, model, observer, cancellation);
        long decoded = Stopwatch.GetTimestamp();

        return new GenerationResult
        {
            Request = resolved,
            Images = images,
            Latents = latents,
            PromptEmbeds = prompts.Positive,
            NegativePromptEmbeds = prompts.Negative,
            Warnings = warnings,
            Timings = new GenerationTimings(
                Stopwatch.GetElapsedTime(start, encoded),
                Stopwatch.GetElapsedTime(encoded, prepared),
                Stopwatch.GetElapsedTime(prepared, denoised),
                Stopwatch.GetElapsedTime(denoised, decoded),
                Stopwatch.GetElapsedTime(start, decoded)),
        };
    }
}
