using ZImage.Backends;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>The steps from noise to latents.</summary>
internal static class Denoising
{
    /// <summary>Runs the schedule.</summary>
    /// <returns>Final latents [images, channels, h, w].</returns>
    public static HostTensor Run(
        GenerationPlan plan,
        NoiseSchedule schedule,
        PromptEmbeddings prompts,
        HostTensor initial,
        LoadedModel model,
        GenerationObserver observer,
        CancellationToken cancellation)
    {
        using BackendRange range = model.Backend.Range("denoising");
        float[] times = [.. Enumerable.Range(0, schedule.Steps).Select(schedule.ModelTime)];
        float[] sigmas = [.. schedule.Sigmas];
        float[] values = initial.Values;
        observer.Report(GenerationStage.Denoising, 0, schedule.Steps);

        // Guidance ends for good at the first step past the truncation time, so the schedule is two stretches: guided, then plain.
        int guided = plan.UsesGuidance ? times.TakeWhile(plan.IsGuided).Count() : 0;
        try
        {
            if (guided > 0)
            {
                Stretch(0, guided, [.. prompts.Positive, .. prompts.Negative], (float)plan.Guidance);
            }

            if (guided < schedule.Steps)
            {
                Stretch(guided, schedule.Steps, prompts.Positive, 0);
            }
        }
        catch
        {
            // Half-done work and its memory go; the next run starts afresh.
            model.ReleaseSession();
            throw;
        }

        return new HostTensor(values, initial.Shape);

        void Stretch(int first, int end, IReadOnlyList<HostTensor> embeds, float guidance)
        {
            IBackend backend = model.Backend;
            HostTensor[] items = [.. embeds.SelectMany(e => Enumerable.Repeat(e, plan.Request.ImagesPerPrompt))];
            SessionKey key = new(
                initial.Shape[0],
                initial.Shape[2],
                initial.Shape[3],
                [.. items.Select(item => item.Shape[0])],
                sigmas[first..(end + 1)],
                times[first..end],
                guidance,
                (float)plan.Request.CfgNormalization);
            DenoisingSession session = model.Session(key, model.Memory(plan).TransformerBytes);
            session.SetPrompts(items);
            backend.Upload(values, session.Latents);
            int reported = first;
            for (int step = first; step < end; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                session.Run(step - first, model.HasProbe ? $"transformer.step-{step + 1:00}" : "", cancellation);
                int underWay = backend.Pace();
                if (underWay == 0 && !backend.IsFinite(session.Latents))
                {
                    throw model.NonFinite("transformer", $"The latents after step {step + 1}");
                }

                Report(step + 1 - underWay);
            }

            values = new float[session.Latents.Count];
            backend.Download(session.Latents, values);
            if (!Array.TrueForAll(values, float.IsFinite))
            {
                throw model.NonFinite("transformer", $"The latents after step {end}");
            }

            Report(end);

            void Report(int completed)
            {
                if (completed > reported)
                {
                    reported = completed;
                    observer.Report(GenerationStage.Denoising, completed, schedule.Steps);
                }
            }
        }
    }
}
