using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>A native object is released once, and after everything that was made from it.</summary>
public sealed class OwnedHandleTests
{
    private static readonly string[] s_childFirst = ["child", "parent"];
    private static readonly string[] s_generations = ["grandchild", "child", "parent"];

    [Test]
    public void A_parent_disposed_first_is_released_after_its_child()
    {
        List<string> released = [];
        FakeHandle parent = new("parent", released, parent: null);
        FakeHandle child = new("child", released, parent);

        parent.Dispose();
        Assert.That(released, Is.Empty);

        child.Dispose();
        Assert.That(released, Is.EqualTo(s_childFirst));
    }

    [Test]
    public void Three_generations_disposed_from_the_top_are_released_from_the_bottom()
    {
        List<string> released = [];
        FakeHandle parent = new("parent", released, parent: null);
        FakeHandle child = new("child", released, parent);
        FakeHandle grandchild = new("grandchild", released, child);

        parent.Dispose();
        child.Dispose();
        Assert.That(released, Is.Empty);

        grandchild.Dispose();
        Assert.That(released, Is.EqualTo(s_generations));
    }

    [Test]
    public void Disposing_twice_releases_once()
    {
        List<string> released = [];
        FakeHandle parent = new("parent", released, parent: null);
        FakeHandle child = new("child", released, parent);

        child.Dispose();
        child.Dispose();
        parent.Dispose();
        parent.Dispose();

        Assert.That(released, Is.EqualTo(s_childFirst));
    }

    [Test]
    public void A_release_that_fails_still_lets_go_of_the_parent()
    {
        List<string> released = [];
        FakeHandle parent = new("parent", released, parent: null);
        FakeHandle child = new("child", released, parent) { Succeeds = false };

        child.Dispose();
        parent.Dispose();

        Assert.That(released, Is.EqualTo(s_childFirst));
    }

    [Test]
    public void No_child_can_be_made_of_a_released_parent()
    {
        List<string> released = [];
        FakeHandle parent = new("parent", released, parent: null);
        parent.Dispose();

        Assert.That(() => new FakeHandle("child", released, parent), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void The_raw_object_of_a_disposed_handle_cannot_be_read()
    {
        FakeHandle handle = new("handle", [], parent: null);
        Assert.That(handle.Value, Is.EqualTo((nint)1));

        handle.Dispose();

        Assert.That(() => handle.Value, Throws.TypeOf<ObjectDisposedException>());
    }

    private sealed class FakeHandle(string name, List<string> released, SafeHandle? parent) : OwnedHandle(1, parent)
    {
        public bool Succeeds { get; init; } = true;

        protected override bool Release(nint value)
        {
            released.Add(name);
            return Succeeds;
        }
    }
}
