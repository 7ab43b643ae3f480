using NUnit.Framework;
using ZImage.Backends.Cuda;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The parallel build of the kernel units.</summary>
public sealed class KernelBuildTests
{
    private static readonly KernelSource[] Sources = [.. Enumerable.Range(0, 6).Select(i => new KernelSource($"family{i}", new string('x', i), []))];

    [Test]
    public void Every_unit_is_built_and_logged()
    {
        using KernelBuild build = new(Sources, [], "sm_90a", (KernelSource source, out bool fromCache) =>
        {
            fromCache = source.Family == "family1";
            return new KernelImage([(byte)source.Text.Length], source.Family);
        });
        foreach (KernelSource source in Sources)
        {
            Assert.That(build.Wait(source.Family).Code, Is.EqualTo(new[] { (byte)source.Text.Length }));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(build.Log.Select(entry => entry.Family), Is.EquivalentTo(Sources.Select(source => source.Family)));
            Assert.That(build.Log.Where(entry => entry.FromCache).Select(entry => entry.Family), Is.EqualTo(new[] { "family1" }));
        }
    }

    [Test]
    public void A_unit_that_does_not_compile_fails_whoever_asks_for_it_and_nobody_else()
    {
        using KernelBuild build = new(Sources, [], "sm_90a", (KernelSource source, out bool fromCache) =>
        {
            fromCache = false;
            return source.Family == "family2" ? throw new KernelCompilationException("family2", "--std=c++17", "line 3: error") : new KernelImage([1], "");
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => build.Wait("family2"), Throws.TypeOf<KernelCompilationException>().With.Message.Contains("line 3").And.Property("Family").EqualTo("family2"));
            Assert.That(build.Wait("family3").Code, Has.Length.EqualTo(1));
            Assert.That(() => build.Wait("absent"), Throws.ArgumentException.With.Message.Contains("family0"));
        }
    }

    [Test]
    public void A_unit_on_demand_is_built_once_and_only_when_somebody_waits_for_it()
    {
        int built = 0;
        KernelSource rare = new("rows", "text", [], "f32");
        using ManualResetEventSlim finished = new();
        using KernelBuild build = new(
            Sources,
            [rare],
            "sm_90a",
            (KernelSource source, out bool fromCache) =>
            {
                fromCache = false;
                built += source == rare ? 1 : 0;
                return new KernelImage([7], "");
            },
            finished.Set);
        Assert.That(finished.Wait(TimeSpan.FromSeconds(10)), Is.True, "the end of the first units is told");
        Assert.That((built, build.Log.Count), Is.EqualTo((0, Sources.Length)));
        build.Wait("rows.f32");
        build.Wait("rows.f32");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(built, Is.EqualTo(1));
            Assert.That(build.Log.Last(), Has.Property("Unit").EqualTo("rows.f32").And.Property("Family").EqualTo("rows"));
            Assert.That(build.Units, Has.Count.EqualTo(Sources.Length));
            Assert.That(build.AllUnits, Has.Count.EqualTo(Sources.Length + 1));
        }
    }

    [Test]
    public void Disposal_ends_the_build_and_leaves_nobody_waiting()
    {
        using ManualResetEventSlim go = new();
        KernelBuild build = new(Sources, [], "sm_90a", (KernelSource source, out bool fromCache) =>
        {
            fromCache = false;
            go.Wait();
            return new KernelImage([1], "");
        });
        Task disposal = Task.Run(build.Dispose);
        Assert.That(disposal.Wait(50), Is.False, "a compilation under way is waited for");
        go.Set();
        Assert.That(disposal.Wait(TimeSpan.FromSeconds(10)), Is.True);
        foreach (KernelSource source in Sources)
        {
            try
            {
                Assert.That(build.Wait(source.Family).Code, Has.Length.EqualTo(1));
            }
            catch (ObjectDisposedException)
            {
                // Its turn had not come.
            }
        }
    }
}
